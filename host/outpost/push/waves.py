"""Many boards: some to try it on, then the rest in waves, each at once; a failure stops it."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice


def waves(items, canary, size):
    """Yield the waves as lists: the first has `canary` of the items, 0 for none; then `size`."""
    rest = iter(items)
    if canary and (first := list(islice(rest, canary))):
        yield first
    while wave := list(islice(rest, size)):
        yield wave


def run(pushes, stop, *, canary, size, keep_going=False, done=lambda outcome: None):
    """Run the Pushes wave by wave; those that aren't started keep their outcome "skipped".

    stop: the threading.Event that they all look at. keep_going: don't stop at a failure.
    done(outcome) is called in this thread as each ends. A KeyboardInterrupt ends them all, each
    of which then says how it left its board; return False, else True.
    """
    for wave in waves(pushes, canary, size):
        good = _run_wave(wave, stop, done)
        if stop.is_set():
            return False
        if not good and not keep_going:
            break
    return True


def _run_wave(wave, stop, done):
    """Whether all boards of a wave are well."""
    with ThreadPoolExecutor(len(wave)) as pool:
        running = {pool.submit(push.run) for push in wave}
        while running:
            try:
                future = next(as_completed(running))
            except KeyboardInterrupt:
                stop.set()
                for push in wave:
                    push.abort()
            else:
                running.discard(future)
                done(future.result())
    return all(push.outcome.good for push in wave)
