"""The only code that knows the port: the same names on every board and on the unix port.

What differs from port to port stands in hal/board.py and hal/unix.py, one of which is taken
by sys.platform; what every port does alike, through `machine`, stands here.
"""

import os
import sys
import time

import machine
from micropython import const

if sys.platform in ("linux", "darwin"):
    from hal import unix as _port
else:
    from hal import board as _port

Link = _port.Link
SOCKETS = _port.SOCKETS
BACKLOG = _port.BACKLOG
deepsleep = _port.deepsleep
peer_address = _port.peer_address
planned_reset = _port.planned_reset
reset = _port.reset
watchdog = _port.watchdog

# Seconds from 1970 to the zero of this port's time.time(): esp32 counts from 2000.
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

_REST_MS = const(1000)
_TCP = const(6)
_TCP_NODELAY = const(1)


def unix_time():
    """Seconds since 1970 by the board's clock, set or not."""
    return int(time.time()) + EPOCH


def set_clock(unix_s):
    """Set the real-time clock, in UTC; OSError where there is none."""
    if not hasattr(machine, "RTC"):
        raise OSError("this port has no real-time clock to set: set the host's")
    t = time.gmtime(unix_s - EPOCH)
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


def rest_watchdog(wdt):
    """Feed wdt (what watchdog() returned) from a timer: for a person at the REPL after Ctrl-C.

    A running watchdog cannot be stopped, and it would reset the board in mid sentence.
    """
    if wdt is not None:
        interrupt(_REST_MS, lambda timer: wdt.feed())


def interrupt(period_ms, callback):
    """Call callback(timer) every period_ms, whatever runs: between two bytecodes, in no task.

    Not while something in C waits, such as getaddrinfo; not at all on the plain unix port.
    """
    if hasattr(machine, "Timer"):
        # Timer -1 is the software timer that both the ESP32 and the RP2 offer; mode 1, the
        # default, is periodic on both.
        machine.Timer(-1).init(period=period_ms, callback=callback)


def tune(sock):
    """Make a socket fit for commands: answers at once, urgent data in its place in the stream."""
    try:
        # Without it Nagle and delayed acks cost 40 ms for each reply after a transfer.
        sock.setsockopt(_TCP, _TCP_NODELAY, 1)
        _port.inline_urgent(sock)
    except (OSError, ValueError):
        pass  # slower, but it works


def room(path="/"):
    """(free, total) bytes of the file system that holds path; OSError."""
    found = os.statvfs(path)
    # LittleFS counts some blocks twice: on a full one the difference falls below 0, and wraps.
    free = found[3] if found[3] <= found[2] else 0
    return found[0] * free, found[1] * found[2]


def sync():
    """Have the file systems write what they hold back, where the port can."""
    if hasattr(os, "sync"):
        os.sync()
