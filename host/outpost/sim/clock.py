"""The board's clock: libfaketime gives the interpreter a different clock."""

import functools
import os
import time
from pathlib import Path

POWER_ON = 946_684_800  # 2000-01-01 00:00:00 UTC, the start of a board without a battery
_SHARED_MEMORY = Path("/dev/shm")
_NO_ZONE = {"TZ": "UTC"}  # boards have no time zone: their localtime() and mktime() are UTC
_PLACES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
    "/opt/homebrew/lib/faketime/libfaketime.1.dylib",
)


@functools.cache
def libfaketime() -> str | None:
    """Return the path of libfaketime as text, or None if it is not installed."""
    for pattern in _PLACES:
        for found in sorted(Path("/").glob(pattern.lstrip("/"))):
            return str(found)
    return None


def power_on_offset() -> str:
    """Return what to add to the host's clock, in libfaketime's format, to start at POWER_ON."""
    return f"{POWER_ON - time.time():+.6f}"


def clock_variables(offset: str | None, library: str | None = None) -> dict[str, str]:
    """Return variables that shift the interpreter's clock by offset; None: the host's clock.

    library: the libfaketime of the interpreter's word size; None: the host's.

    The offset is in FAKETIME, which the board changes by putenv when its clock is set; NO_CACHE
    makes libfaketime read it at every call. That makes time.time() 0.1 us slower; a time stamp
    file would make it 6 us slower. ticks_ms() takes the same as without (0.1 us), because the
    monotonic clock is unchanged.
    """
    if offset is None:
        return _NO_ZONE
    return _variables(offset, library) | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Haste:
    """A clock that runs `rate` times as fast as the host's from now on; needs libfaketime.

    Processes started with its variables() share it: a board's day, and its time server's, takes
    minutes. Ticks and sleeps are fast too, so this clock can't be set.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._since = time.time()

    def now(self) -> float:
        """Return seconds since 1970, by this clock."""
        return time.time() + self._ahead()

    def variables(self, library: str | None = None) -> dict[str, str]:
        """Return variables for a process that starts now. library: see clock_variables()."""
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
    """Remove what libfaketime leaves in shared memory after a process was killed."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (_SHARED_MEMORY / name).unlink(missing_ok=True)
