"""Runs jobs on many boards: first on a few, then in waves in parallel; stops at a failure."""

import contextlib
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from outpost.push.job import Job
from outpost.push.outcome import Ended

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TURN_S = 0.1
_Item = TypeVar("_Item")
_Ended = TypeVar("_Ended", bound=Ended)


def waves(items: Iterable[_Item], canary: int, size: int) -> Iterator[list[_Item]]:
    """Yield the waves as lists: first `canary` items, none if it is 0; then `size` each."""
    rest = iter(items)
    if canary and (first := list(islice(rest, canary))):
        yield first
    while wave := list(islice(rest, size)):
        yield wave


@contextlib.contextmanager
def stopping(stop: threading.Event, jobs: Sequence[Job[Any]]) -> Generator[None]:
    """Let Ctrl-C and SIGTERM end the Jobs, which then report the state of their boards."""

    def on_signal(number: int, frame: object) -> None:
        stop.set()
        for job in jobs:
            job.abort()
        signal.signal(number, before[number])  # a second signal ends the program at once

    before: dict[int, Any] = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    jobs: Iterable[Job[_Ended]],
    stop: threading.Event,
    *,
    canary: int,
    size: int,
    keep_going: bool = False,
    done: Callable[[_Ended], object] = lambda outcome: None,
) -> None:
    """Run the Jobs wave by wave; those that aren't started keep their outcome "skipped".

    stop: the threading.Event of all jobs; no wave starts after it is set. keep_going: continue
    after a failure. done(outcome) is called in this thread when each ends.
    """
    for wave in waves(jobs, canary, size):
        with ThreadPoolExecutor(len(wave)) as pool:
            running = {pool.submit(job.run) for job in wave}
            while running:
                # A signal that was delivered to another thread is handled when this thread runs.
                ended, running = wait(running, _TURN_S, FIRST_COMPLETED)
                for future in ended:
                    done(future.result())
        good = all(job.outcome.good for job in wave)
        if stop.is_set() or not (good or keep_going):
            return
