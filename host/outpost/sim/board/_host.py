"""The wire to the host that holds this board's power switch."""

import gc
import json
import os
import sys
from time import sleep

# What the host chose for this power-on: see outpost.sim.desk's environment().
settings = json.loads(os.getenv("OUTPOST_BOARD"))
rules = settings.pop("rules")  # of the board that this one plays: outpost.sim.boards
# Opened while the host's file system is still mounted; unbuffered, a line is one write.
_wire = open("/dev/fd/%d" % settings.pop("wire"), "wb")
# The networks that the radio finds, name -> password in JSON that the host may rewrite; None: any.
air = settings.pop("air", None)
air = open(air) if air else None
# To the thread that plays the chip's timers, where there is one; see outpost.sim.interpreter.
_asked = os.getenv("OUTPOST_TIMERS")
timers = open("/dev/fd/" + _asked, "wb") if _asked else None

# A chip's reset takes no memory; the simulator's takes this, which it gives back before.
_reserve = [bytearray(1024)]
writes = [0, 0]  # programs and erases of the flash since power-on
libc = None  # the C library, on the interpreter that has no thread of the host's

if sys.maxsize < 1 << 32:
    import ffi

    libc = ffi.open("libc.so.6")
    # Ctrl-C comes with SIGUSR2, which shall end a sleep and do no more: abs() is a function of
    # an int without an effect.
    libc.func("p", "signal", "ip")(12, libc.addr("abs"))


def tell(line):
    """Send one line to the host: bytes that end in a newline."""
    try:
        _wire.write(line)
    except OSError:
        raise SystemExit  # nobody holds the switch any more: a board must not outlive its desk


def give_reserve():
    """What is told from here on finds room: the board's life is at its end."""
    if _reserve[0]:
        _reserve[0] = None
        gc.collect()


def tell_and_wait(line):
    """Send a line that makes the host cut the power, and do nothing more until it does."""
    give_reserve()
    tell(b"writes %d %d\n" % (writes[0], writes[1]))
    tell(line)
    while True:
        try:
            sleep(60)
        except KeyboardInterrupt:
            pass
