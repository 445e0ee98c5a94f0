"""The wire on which a simulated board tells what its hardware does: its watchdog, its end.

Its other end is board/_host.py.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from outpost.sim.hardware import Retained

RESETS = ("reset", "watchdog", "sleep", "soft")  # what begins another life


@dataclass(frozen=True)
class Ending:
    """How a life of a board ended.

    how: one of RESETS, "cut" (the power failed), "end" (main.py ended) or "fault" (no board
    would do that). sleep_ms: how long a deep sleep lasts, 0 for ever. fault: what went wrong.
    """

    how: str
    sleep_ms: int = 0
    fault: str = ""


class Wire:
    """Makes sense of what comes on the wire in one life of a board.

    retained: is kept up to date. up: is set when boot.py begins. stopping: whether somebody wants
    the board to end. writes: programs and erases of the flash, once they were told.
    """

    def __init__(
        self, retained: Retained, up: threading.Event, stopping: Callable[[], bool]
    ) -> None:
        self.writes: tuple[int, int] | None = None
        self._retained = retained
        self._up = up
        self._stopping = stopping
        self._pending = b""
        self._watchdog_s = 0.0
        self._fed_by: float | None = None  # time.monotonic() by which the watchdog wants to be fed

    @property
    def bites_in(self) -> float | None:
        """Seconds until the watchdog bites unless it is fed; None where none runs."""
        return None if self._fed_by is None else max(0, self._fed_by - time.monotonic())

    def take(self, data: bytes) -> Ending | None:
        """Take in bytes as they come; return the Ending where they tell one."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            ending = self._line(*line.decode().split())
            if ending:
                return ending
        return None

    def _line(self, word: str, *values: str) -> Ending | None:
        """Take in one line."""
        if word == "feed":
            self._feed()
        elif word == "watchdog":
            self._watchdog_s = int(values[0]) / 1000
            self._feed()
        elif word == "keep":
            key, *value = values
            self._retained.values[key] = bytes.fromhex("".join(value)).decode()
        elif word == "clock":
            self._retained.clock = values[0]
        elif word == "up":
            self._up.set()
        elif word == "writes":
            programs, erases = map(int, values)
            self.writes = programs, erases
        elif word == "end":
            if self._fed_by is not None and not self._stopping():
                return None  # a watchdog bites also a board that stands at its prompt
            return Ending(word, fault="" if values == ("1",) else "main.py raised an exception")
        elif word == "fault":
            return Ending(word, fault=" ".join(values))
        elif word == "sleep":
            return Ending(word, sleep_ms=int(values[0]))
        else:
            return Ending(word)
        return None

    def _feed(self) -> None:
        self._fed_by = time.monotonic() + self._watchdog_s
