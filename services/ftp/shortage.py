"""Shortage: a client or a command found no memory; where none ever does, the board is reset.

What lies in small holes stays so, with nobody here. MicroPython's table of names, say, grows by
4.5 KB in one piece, and until it can, whatever module is wanted finds no memory: all who came
would hear 421 or 451 for ever.
"""

import gc

from micropython import const

import hal

_PATIENCE_S = const(30)  # nothing found for so long, and nobody else is here
_STALE_S = const(600)  # until another one's want counts
_ENOUGH = const(12_288)  # bytes free with which each command should run
_PIECE = const(4_608)  # the largest that one may want


def met(server, verb):
    """Note that no memory was found for verb; None: for a client, b"": to go on with a session.

    The caller makes room. Where that has not helped for long, this resets the board.
    """
    now = hal.uptime()
    since = now - server.short_since
    if verb != server.short:
        if server.short is False or since > _STALE_S:
            server.short = verb
            server.short_since = now
    elif since >= _PATIENCE_S and len(server.sessions) <= (verb is not None):
        server.buffers.drop()
        gc.collect()
        if gc.mem_free() >= _ENOUGH:
            try:
                bytearray(_PIECE)
            except MemoryError:
                server.status.give_up("ftp: all free memory lies in small pieces")
