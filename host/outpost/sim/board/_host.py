"""The connection to the host, which controls this board's power; see outpost.sim.wire."""

import gc
import json
import os
import sys
from time import sleep

# The host's settings for this power-on: see outpost.sim.hardware's environment().
settings = json.loads(os.getenv("OUTPOST_BOARD"))
rules = settings.pop("rules")  # of the board that is simulated: outpost.sim.boards
# Opened while the host's file system is still mounted. Unbuffered: a line is one write.
_wire = open("/dev/fd/%d" % settings.pop("wire"), "wb")
# The networks in the radio's range, name -> password, as JSON that the host may change; None: any.
air = settings.pop("air", None)
air = open(air) if air else None
# To the thread that runs the chip's timers, if there is one; see outpost.sim.interpreter.
_asked = os.getenv("OUTPOST_TIMERS")
timers = open("/dev/fd/" + _asked, "wb") if _asked else None

# A chip's reset needs no memory. The simulated one needs this, and frees it before.
_reserve = [bytearray(1024)]
writes = [0, 0]  # programs and erases of the flash since power-on
libc = None  # the C library, only on the interpreter without a thread of the host's

if sys.maxsize < 1 << 32:
    import ffi

    libc = ffi.open("libc.so.6")
    # Ctrl-C comes with SIGUSR2, which must only end a sleep. Its handler is abs(), a function of
    # an int without an effect.
    libc.func("p", "signal", "ip")(12, libc.addr("abs"))


def tell(line):
    """Send one line to the host: bytes that end in a newline."""
    try:
        _wire.write(line)
    except OSError:
        raise SystemExit  # the host is gone: the board must end too


def give_reserve():
    """Free the reserve, so that the last messages have memory."""
    if _reserve[0]:
        _reserve[0] = None
        gc.collect()


def tell_and_wait(line):
    """Send a line that makes the host cut the power, and wait until it does."""
    give_reserve()
    tell(b"writes %d %d\n" % (writes[0], writes[1]))
    tell(line)
    while True:
        try:
            sleep(60)
        except KeyboardInterrupt:
            pass
