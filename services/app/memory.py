"""Memory: stops an application that leaves FTP without memory, and frees what it held.

FTP, the log and telemetry use the free heap. It is checked every few seconds, in place of counting
each MemoryError: most of those are handled and do no harm.
"""

import gc
import sys
from time import ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from services.borrow import borrow, forget, release

_LOOK_S = const(5)
_PLENTY = const(32_768)  # bytes free as the supervisor measured: no need to check further
_PIECES = const(6)  # of 1 KiB: with fewer, FTP accepts no client
_PIECE = const(1024)
_CANCELS = const(5)  # one per second; then only a reset is left
# FTP frees this reserve to tell a client that there is no memory, and to store the reason of a
# reset: an open file on LittleFS takes 1148 bytes in one piece on a Pico W.
_SPARE = const(1168)
_FORGIVEN_S = const(86_400)


def room(app):
    """Whether there is memory for FTP, in pieces that it can use. Never raises."""
    if app.status.section("heap").get("free_bytes", 0) >= _PLENTY:
        return True
    if _fits():
        return True
    release()  # first unload rare commands of FTP
    gc.collect()
    return _fits()


def _fits():
    held = None
    try:
        for _ in range(_PIECES):
            held = held, bytearray(_PIECE)
    except MemoryError:
        return False
    return True


def _is_low(app):
    """Whether memory has been short for too long."""
    if not app.status.spare:
        try:
            app.status.spare = bytearray(_SPARE)
        except MemoryError:
            pass  # tried again at the next check
    if room(app):
        app.low_since = None
        return False
    if app.low_since is None:
        app.low_since = ticks_ms()
    return elapsed(app.low_since) >= app.low_heap_ms


async def watch(app, task):
    """Cancel the application's task if memory is short for too long; return when its run ends.

    If the task can't be cancelled, the board is reset in an orderly way.
    """
    number = app.watched
    while not _is_low(app):
        await asyncio.sleep(_LOOK_S if app.low_since is None else 1)
        if app.watched != number:
            return
        if app.hung and uptime() > _FORGIVEN_S:
            app.hung = 0
            try:
                borrow("services.app.hung", "forgive")()
            except MemoryError:
                pass  # the file stays and still counts
    gc.collect()
    app.stopped_at = gc.mem_free()
    for _ in range(_CANCELS):
        task.cancel()
        await asyncio.sleep(1)
        if app.watched != number:
            return
    app.status.give_up("app: no memory for FTP, and the application could not be stopped")


async def settled(app):
    """Wait until there is memory for another run; if it is never freed, reset the board."""
    while not room(app):
        if _is_low(app):
            app.status.give_up("app: no memory for FTP, though the application was stopped")
        await asyncio.sleep(1)
    app.low_since = None


def load(app):
    """Import the user's module, and note what it imports, for let_go()."""
    if app.module in sys.modules:
        return sys.modules[app.module]
    before = list(sys.modules)
    try:
        return __import__(app.module, None, None, ("run",))
    finally:
        app.loaded = [name for name in sys.modules if name not in before]


def let_go(app):
    """Unload the application's modules and drop its handlers; return the error to raise.

    Its module's names are cleared, so that tasks that it left behind end too.
    """
    before, app.stopped_at = app.stopped_at, None
    app.low_since = None
    if app.module in sys.modules:
        sys.modules[app.module].__dict__.clear()
        forget(app.module)
    for name in app.loaded:
        if not name.startswith(("services", "hal")):
            forget(name)
    app.loaded = ()
    app.safe.let_go()
    app.events.let_go()
    gc.collect()
    section = app.status.section(app.name)
    section["low_heap_stops"] = section.get("low_heap_stops", 0) + 1
    section["held_bytes"] = held = max(0, gc.mem_free() - before)
    return MemoryError(
        "stopped: no memory for FTP for %d s, it held %d bytes" % (app.low_heap_ms // 1000, held)
    )
