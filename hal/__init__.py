"""The only code that knows the port: the same names on every board and on the unix port.

hal/board.py and hal/unix.py hold what differs between ports; sys.platform selects one. What all
ports do alike through `machine` is here.
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

watchdog_wanted = True  # set by boot.py; False if config.json disables it
_DAYS_MS = const(536870911)  # 6.2 days: the longest time that ticks_diff() can tell on 32 bits
_uptime = 0
_counted = ticks_ms()  # the ticks up to which _uptime counts
_watchdog = None
_timer = None  # keep a reference: an RP2 ends an unreferenced timer at the next gc.collect()


def uptime():
    """Whole seconds since the start. Doesn't wrap, and doesn't jump when the clock is set.

    For times that may last days. It must be called at least every few days, since ticks wrap; the
    supervisor calls it each second.
    """
    global _uptime, _counted
    passed = ticks_diff(ticks_ms(), _counted) // 1000
    if passed > 0:
        _uptime += passed
        _counted = ticks_add(_counted, passed * 1000)
    return _uptime


def elapsed(since):
    """Milliseconds since ticks_ms() returned since; 536,870,911 after 6.2 days and more.

    ticks_diff() is negative then. Call it at least every 12 days: after that it starts again from
    0. uptime() does not. Allocates nothing.
    """
    passed = ticks_diff(ticks_ms(), since)
    return passed if passed >= 0 else _DAYS_MS


def unix_time():
    """Seconds since 1970 by the board's clock, set or not."""
    return int(time.time()) + EPOCH


def set_clock(unix_s):
    """Set the real-time clock, in UTC. Raises OSError if there is none."""
    if not hasattr(machine, "RTC"):
        raise OSError("this port has no real-time clock to set: set the host's")
    t = time.gmtime(unix_s - EPOCH)
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


def watchdog():
    """Start the watchdog and return it. It needs feed() every 8 s and can't be stopped.

    None if the port has none, or if config.json disables it.
    """
    global _watchdog
    if watchdog_wanted:
        try:
            _watchdog = _port.watchdog(_WATCHDOG_MS)
        except Exception as error:  # better a board without a watchdog than one that doesn't boot
            print("hal: no watchdog:", error)
    return _watchdog


def feed_from_timer():
    """Feed the watchdog from the timer, for a person at the prompt after Ctrl-C or a soft reset.

    A running watchdog can't be stopped, and would reset the board while the person works. If none
    runs, it is started here; while the timer feeds it, that has no effect.
    """
    if watchdog():
        _watchdog.feed()
        timer(_FEED_MS, lambda timer: _watchdog.feed())


def timer(period_ms, callback):
    """Call callback(timer) every period_ms and end the previous callback. None: only end it.

    This is Outpost's only timer, since small chips have no second one. The callback runs between
    two bytecodes, in no task, possibly in the middle of a write to flash: it must not touch files.
    It does not run while C code waits, as in getaddrinfo. Never raises; prints that there is no
    timer.
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
    """Return or replace bytes that survive a reset. Raises an exception if the port has none."""
    if _port.memory:
        return _port.memory(*kept)
    return machine.RTC().memory(*kept)


def remember(text):
    """Store a short text across the next reset, but not across a power cut; None: clear it.

    Touches no file, so a timer's callback may call it. An ESP32 stores it behind the application's
    data in RTC().memory(). An RP2 stores ten letters in scratch registers 5 to 7 of its watchdog.
    If there is no room or no such memory, nothing is stored.
    """
    try:
        kept = memory()
        at = kept.find(MARK)
        if at >= 0 or text:
            kept = kept[:at] if at >= 0 else kept
            memory(kept + MARK + text.encode() if text else kept)
    except Exception:
        pass  # the text is only information for people


def writer(sock, bulk=False):
    """Return the function that writes to a connection: (buffer, start, size) -> bytes written.

    Use it in place of the socket's own, which on an RP2 may block for 10 s and lose data. It may
    write less than size, and returns None if there is no room: see hal.net.later(). bulk: for the
    bytes of files, which leave room for replies and MQTT. Under TLS, wire() does the same.
    """
    if not guarded or hasattr(sock, "raw"):
        return sock.write
    return guarded().Writer(sock, bulk).write


def wire(sock):
    """Return the object that TLS of a client reads and writes in place of sock."""
    return guarded().Wire(sock) if guarded else sock


def tune(sock):
    """Prepare a socket for commands: send replies at once, leave urgent data in the stream."""
    try:
        # Without TCP_NODELAY, Nagle and delayed acks cost 40 ms for each reply after a transfer.
        # RP2 accepts only its own number for it (extmod/modlwip.c); unix has no name for it.
        sock.setsockopt(_TCP, getattr(socket, "TCP_NODELAY", 1), 1)
        _port.inline_urgent(sock)
    except (OSError, ValueError):
        pass  # slower, but it works


def room(path="/"):
    """Return (free, total) bytes of the file system that holds path. Raises OSError."""
    found = os.statvfs(path)
    # LittleFS counts some blocks twice: if it is full, the free blocks fall below 0, which wraps
    # on 64 bits.
    free = found[3] if 0 <= found[3] <= found[2] else 0
    return found[0] * free, found[1] * found[2]


def sync():
    """Make the file systems write their buffers, if the port can."""
    if hasattr(os, "sync"):
        os.sync()
