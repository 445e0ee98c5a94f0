"""The probe: what the heap holds, for a server to tell over FTP; imported before the server.

`SITE heap` answers one line of numbers: base (live bytes before the server was imported), live
(live bytes now), total (bytes allocated since the start, garbage too) and peak (the most live
bytes seen between two steps of the loop since `SITE heap peak`). `SITE heap import MODULE`
imports one and forgets it; `SITE heap names` prints how many names there are.

Nobody can ask so before anybody has logged in: `at rest=` with the bytes above base is printed
some seconds after the start, when the boot is over; above it stand the interned names, `n_qstr=`.
"""

import gc
import sys

import micropython
from micropython import const

_DEPTH = const(40)  # of calls; a finished import leaves a long stack


def _scrub(depth):
    """Overwrite what earlier calls have left on the stack."""
    return depth and _scrub(depth - 1)


def live():
    """Bytes of the heap in use, garbage aside."""
    # The collector takes whatever looks like a pointer for one: a module that was borrowed, and
    # is long forgotten, counted 6 KB more or not.
    _scrub(_DEPTH)
    gc.collect()
    return gc.mem_alloc()


def _import(name):
    """Import a module of the bundle where it isn't there, and forget it: its names stay."""
    if name not in sys.modules:
        try:
            __import__(name)
        except (ImportError, AttributeError) as error:
            print("not imported:", name, error)
        sys.modules.pop(name, None)


_BOOTED_MS = const(4000)  # what only the boot needed is let go, and its first second is over


class Probe:
    """Answers report(arg); watch_loop() must have been called for a peak."""

    def __init__(self):
        self.base = live()
        self._peak = None  # while nobody has asked for one

    def watch_loop(self):
        """Look at the heap whenever asyncio's loop looks at its sockets, once asked to."""
        from asyncio import core

        core.create_task(self._rest(core.sleep_ms))

        wait = core.IOQueue.wait_io_event

        def watched(queue, dt):
            if self._peak is not None:
                self._peak = max(self._peak, live())
            wait(queue, dt)

        core.IOQueue.wait_io_event = watched

    async def _rest(self, sleep_ms):
        """Print what is there when the boot is over; clients wait until they have seen it."""
        await sleep_ms(_BOOTED_MS)
        live()
        micropython.qstr_info()
        print("at rest=%d bytes" % (live() - self.base))

    def report(self, arg):
        """The line of numbers; arg "peak" starts a new peak, whose collecting slows all down."""
        if arg == "names":
            micropython.qstr_info()
        elif arg[:7] == "import ":
            _import(arg[7:])
        # First, and as one call: what follows allocates.
        total = micropython.mem_total()
        peak = self._peak or 0
        self._peak = 0 if arg == "peak" else None
        return "base=%d live=%d total=%d peak=%d" % (self.base, live(), total, peak)
