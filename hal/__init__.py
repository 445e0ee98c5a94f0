"""The only code that knows the port: the same names on every board and on the unix port.

What differs from port to port stands in hal/board.py and hal/unix.py, one of which is taken
by sys.platform; what every port does alike, through `machine`, stands here.
"""

import os
import socket
import sys
import time
from time import ticks_add, ticks_diff, ticks_ms

import machine
from micropython import const

if sys.platform in ("linux", "darwin"):
    from hal import unix as _port
else:
    from hal import board as _port

Link = _port.Link
SOCKETS = _port.SOCKETS
LISTENERS = _port.LISTENERS
BACKLOG = _port.BACKLOG
deepsleep = _port.deepsleep
guarded = _port.guarded
peer_address = _port.peer_address
MARK = _port.MARK
reserve = _port.reserve
reset = _port.reset
unregister = _port.unregister

# Seconds from 1970 to the zero of this port's time.time(): esp32 counts from 2000.
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

_WATCHDOG_MS = const(8000)  # RP2040's hardware counts to 8,388 ms at most
_FEED_MS = const(1000)
_TCP = const(6)

watchdog_wanted = True  # set by boot.py; False while somebody develops at the prompt
_DAYS_MS = const(536870911)  # 6.2 days: what ticks_diff() can tell on 32 bits
_uptime = 0
_counted = ticks_ms()  # how far _uptime has come
_watchdog = None
_timer = None  # an RP2 ends one that nobody holds, at the next gc.collect()


def uptime():
    """Whole seconds since the start. Never wraps, nor jumps when the clock is set.

    For what may last days. Somebody must ask each few days, for ticks wrap: the supervisor does,
    each second.
    """
    global _uptime, _counted
    passed = ticks_diff(ticks_ms(), _counted) // 1000
    if passed > 0:
        _uptime += passed
        _counted = ticks_add(_counted, passed * 1000)
    return _uptime


def elapsed(since):
    """Milliseconds since ticks_ms() said since; of 6.2 days and more 536,870,911.

    ticks_diff() is negative then. For what is looked at more often than each 12 days, else after
    these it begins anew; uptime() does not. Allocates nothing.
    """
    passed = ticks_diff(ticks_ms(), since)
    return passed if passed >= 0 else _DAYS_MS


def unix_time():
    """Seconds since 1970 by the board's clock, set or not."""
    return int(time.time()) + EPOCH


def set_clock(unix_s):
    """Set the real-time clock, in UTC; OSError where there is none."""
    if not hasattr(machine, "RTC"):
        raise OSError("this port has no real-time clock to set: set the host's")
    t = time.gmtime(unix_s - EPOCH)
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


def watchdog():
    """Start the watchdog, which wants feed() each 8 s, and return it. Nothing can stop it again.

    None where there is none, or where none is wanted.
    """
    global _watchdog
    if watchdog_wanted:
        try:
            _watchdog = _port.watchdog(_WATCHDOG_MS)
        except Exception as error:  # a board without one is better than one that does not boot
            print("hal: no watchdog:", error)
    return _watchdog


def feed_from_timer():
    """Feed the watchdog from the timer: for a person at the prompt, after Ctrl-C or a soft reset.

    It may run, and cannot be stopped: it would reset the board in mid sentence. One that does not
    run is started, which is as good as none while the timer feeds it.
    """
    if watchdog():
        _watchdog.feed()
        timer(_FEED_MS, lambda timer: _watchdog.feed())


def timer(period_ms, callback):
    """Call callback(timer) every period_ms, in place of the callback before; None: none.

    Outpost has this one timer, for small chips have no other. The callback runs between two
    bytecodes of whatever runs, in no task, perhaps in the middle of a write to flash: it must not
    touch a file. It does not run while something in C waits, such as getaddrinfo. Never raises:
    where there is no timer, that is printed.
    """
    global _timer
    if _timer:
        _timer.deinit()
        _timer = None
    if not callback or not hasattr(machine, "Timer"):
        return
    trouble = None
    for number in _port.TIMERS:
        try:
            found = machine.Timer(number)
            found.init(period=period_ms, callback=callback)  # periodic, on each port
            _timer = found
            return
        except Exception as error:
            trouble = error
    print("hal: no timer:", trouble)


def memory(*kept):
    """Return or replace bytes that outlive a reset; an exception where there are none."""
    if _port.memory:
        return _port.memory(*kept)
    return machine.RTC().memory(*kept)


def remember(text):
    """Keep a short text through the next reset, though not without power; None: forget it.

    Touches no file, so that a timer's callback may call it. An ESP32 has it behind what the
    application keeps in RTC().memory(), an RP2 ten letters of it in the scratch registers 5 to 7
    of its watchdog. Where there is no room or no such memory, nothing is kept.
    """
    try:
        kept = memory()
        at = kept.find(MARK)
        if at >= 0 or text:
            kept = kept[:at] if at >= 0 else kept
            memory(kept + MARK + text.encode() if text else kept)
    except Exception:
        pass  # it is only told to people


def writer(sock, bulk=False):
    """The function by which a connection is written: (buffer, start, size) -> how many bytes.

    Never the socket's own: on an RP2 that may block for 10 s and lose what it was given. None:
    there is no room, see hal.net.later(). It may write less than there is room for. bulk: the
    bytes of files, which leave room for replies and MQTT. TLS has such a function below it, see
    wire().
    """
    if not guarded or hasattr(sock, "raw"):
        return sock.write
    return guarded().Writer(sock, bulk).write


def wire(sock):
    """What TLS of a client reads and writes in place of sock."""
    return guarded().Wire(sock) if guarded else sock


def tune(sock):
    """Make a socket fit for commands: answers at once, urgent data in its place in the stream."""
    try:
        # Without it Nagle and delayed acks cost 40 ms for each reply after a transfer.
        # RP2 has a number of its own, and knows no other (extmod/modlwip.c); unix no name.
        sock.setsockopt(_TCP, getattr(socket, "TCP_NODELAY", 1), 1)
        _port.inline_urgent(sock)
    except (OSError, ValueError):
        pass  # slower, but it works


def room(path="/"):
    """(free, total) bytes of the file system that holds path; OSError."""
    found = os.statvfs(path)
    # LittleFS counts some blocks twice: on a full one the difference falls below 0; on 64 bits it
    # wraps.
    free = found[3] if 0 <= found[3] <= found[2] else 0
    return found[0] * free, found[1] * found[2]


def sync():
    """Have the file systems write what they hold back, where the port can."""
    if hasattr(os, "sync"):
        os.sync()
