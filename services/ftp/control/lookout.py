"""Lookout: what a client sends behind a command that has to wait for a transfer's end."""

import asyncio
from micropython import const

from hal.net import readable
from services.ftp.control.lines import strip_telnet

_FAR = const(1024)  # bytes of waiting commands that are looked through


async def its_turn(idle, lines, sock, transfer):
    """Wait for a transfer's end, which the event idle tells; end it when the client wants that.

    A client that pipelines sends ABOR behind another command, or goes away behind one: without
    this, neither would be noticed before the transfer's end, and a client that died would look
    like one that had sent all.
    """
    lookout = asyncio.create_task(_look_out(lines, sock, transfer))
    try:
        await idle.wait()
    finally:
        lookout.cancel()


async def _look_out(lines, sock, transfer):
    why = "The control connection was closed."  # cold
    try:
        while len(lines.ahead()) < _FAR:
            if _holds_abor(lines.ahead()):
                why = None
                break
            size = lines.fill()
            if size is None:
                await readable(sock)
            elif not size:
                break
        else:
            return
    except OSError:
        pass  # a reset: gone as well
    except MemoryError:
        return
    transfer.cancel(why)


def _holds_abor(held):
    """True where one of the waiting lines is an ABOR, Telnet commands before it or not."""
    for line in held.split(b"\n")[:-1]:
        if strip_telnet(line).strip().upper() == b"ABOR":
            return True
    return False
