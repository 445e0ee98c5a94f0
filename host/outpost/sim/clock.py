"""The board's clock: libfaketime gives the interpreter a clock of its own."""

import functools
import os
import time
from pathlib import Path

POWER_ON = 946_684_800  # 2000-01-01 00:00:00 UTC, where a board without a battery starts
_SHARED_MEMORY = Path("/dev/shm")
_NO_ZONE = {"TZ": "UTC"}  # boards have none: localtime() and mktime() are UTC there
_PLACES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
    "/opt/homebrew/lib/faketime/libfaketime.1.dylib",
)


@functools.cache
def libfaketime() -> str | None:
    """Path of libfaketime as text, or None where it is not installed."""
    for pattern in _PLACES:
        for found in sorted(Path("/").glob(pattern.lstrip("/"))):
            return str(found)
    return None


def power_on_offset() -> str:
    """What to add to the host's clock, as libfaketime reads it, to stand at POWER_ON."""
    return f"{POWER_ON - time.time():+.6f}"


def clock_variables(offset: str | None, library: str | None = None) -> dict[str, str]:
    """Variables that shift the interpreter's clock by offset; None: the host's own clock.

    library: the libfaketime of the interpreter's word size; None: the host's.

    The offset stands in FAKETIME, which the board changes by putenv when its clock is set, and
    NO_CACHE makes libfaketime read it at every call. That costs time.time() 0.1 us; a time
    stamp file in its place costs 6 us. ticks_ms() costs the same as without (0.1 us), for the
    monotonic clock is left alone.
    """
    if offset is None:
        return _NO_ZONE
    return _variables(offset, library) | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Haste:
    """A clock that runs `rate` times as fast as the host's from now on; libfaketime must be there.

    Whatever starts with its variables() shares it: a day of a board, and of its time server,
    goes by in minutes. Ticks and sleeps hurry along, so that nobody can set this clock.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._since = time.time()

    def now(self) -> float:
        """Seconds since 1970, by this clock."""
        return time.time() + self._ahead()

    def variables(self, library: str | None = None) -> dict[str, str]:
        """Variables of a process that starts now; library: as clock_variables() has it."""
        return _variables(f"{self._ahead():+.6f} x{self.rate}", library)

    def _ahead(self) -> float:
        return (time.time() - self._since) * (self.rate - 1)


def _variables(faketime: str, library: str | None) -> dict[str, str]:
    preload = [library or libfaketime(), os.environ.get("LD_PRELOAD")]
    return _NO_ZONE | {
        "LD_PRELOAD": ":".join(filter(None, preload)),
        "FAKETIME": faketime,
        "FAKETIME_NO_CACHE": "1",
        "NO_FAKE_STAT": "1",  # files of a mounted host folder keep their times
    }


def forget_clock(pid: int) -> None:
    """Remove what libfaketime leaves in shared memory of a process that was killed."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (_SHARED_MEMORY / name).unlink(missing_ok=True)
