"""`machine` as a board has it: clock, watchdog, resets and their cause; not its pins."""

import os
from time import gmtime, mktime, time

from _flash import at_work
from _host import settings, tell, tell_and_wait, timers
from micropython import const

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)
_AGAIN_MS = const(10)

_cause = settings.pop("cause")
_unique_id = bytes.fromhex(settings.pop("id"))


def reset_cause():
    """Why the board started: one of the *_RESET constants."""
    return _cause


def unique_id():
    """The chip's own number, six bytes; it goes with the flash file's place."""
    return _unique_id


def reset():
    """Reset the whole board, as its button does. Never returns."""
    tell_and_wait(b"reset\n")


def soft_reset():
    """End the program and start boot.py again."""
    raise SystemExit


def deepsleep(time_ms=0):
    """Switch off; after time_ms milliseconds, if given, the board starts again."""
    tell_and_wait(b"sleep %d\n" % time_ms)


class RTC:
    """The clock, in UTC. It runs on through resets and stops at a power cut."""

    def datetime(self, when=None):
        """Return or set (year, month, day, weekday, hour, minute, second, subseconds)."""
        if when is None:
            t = gmtime()
            return t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0
        offset = os.getenv("FAKETIME")
        if offset is None or "x" in offset:
            return None  # the host's own clock, or a faster one: right, and not ours to set
        wanted = mktime((when[0], when[1], when[2], when[4], when[5], when[6], 0, 0))
        # libfaketime reads the variable at every call: an offset from the host's clock.
        offset = "%+.6f" % (float(offset) + wanted - time())
        os.putenv("FAKETIME", offset)
        tell(b"clock %s\n" % offset.encode())
        return None


class WDT:
    """The watchdog: the host resets the board when it isn't fed in time."""

    def __init__(self, id=0, timeout=5000):
        tell(b"watchdog %d\n" % timeout)

    def feed(self):
        """Postpone the reset by another timeout."""
        tell(b"feed\n")


class Timer:
    """A software timer: its callback runs between two bytecodes, whatever they are busy with."""

    ONE_SHOT = const(0)
    PERIODIC = const(1)

    def __init__(self, id=-1, **options):
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period, callback):
        """Call callback(timer) after period milliseconds, or every so many."""
        self._mode = mode
        self._callback = callback
        if self not in _running:
            _running.append(self)  # the host has an address, which keeps nothing alive
        self._ask(period, mode)

    def deinit(self):
        """Call it no more."""
        self._callback = None

    def _ask(self, period, mode):
        timers.write(b"%d %d %d %d\n" % (id(_tick), id(self), period, mode))


_running = []


def _tick(timer):
    """What the host schedules: the callback, unless the flash is at work; then a little later."""
    timers.write(b"ran %d\n" % id(timer))
    once = timer._mode == Timer.ONE_SHOT
    if at_work[0]:
        if once:
            timer._ask(_AGAIN_MS, Timer.ONE_SHOT)
        return
    if once:
        _running.remove(timer)
    if timer._callback:
        timer._callback(timer)


if not timers:
    del Timer  # an interpreter by itself has nobody who plays it
