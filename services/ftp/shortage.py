"""Shortage: resets the board if clients or commands find no memory for a long time.

A heap of small holes stays like that even without clients. MicroPython's table of names, for
example, grows by 4.5 KB in one piece. Until it can, no module can be loaded, and every client
would get 421 or 451 for ever.
"""

import gc

from micropython import const

import hal

_PATIENCE_S = const(30)  # the shortage has lasted so long, and no other client is connected
_STALE_S = const(600)  # after this time a different shortage counts
_ENOUGH = const(12_288)  # bytes free with which every command should work
_PIECE = const(4_608)  # bytes of the largest piece that a command may need


def met(server, verb):
    """Note a lack of memory for verb; None: for a client; b"": for a session to go on.

    The caller frees memory. If that doesn't help for long, this resets the board.
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
