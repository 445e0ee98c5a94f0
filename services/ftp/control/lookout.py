"""Lookout: reads ahead while a command waits for the end of a transfer."""

import asyncio
from micropython import const

from hal.net import readable
from services.ftp.control.lines import strip_telnet

_FAR = const(1024)  # bytes of waiting commands that are searched


async def wait_for_transfer(idle, lines, sock, transfer):
    """Wait for the transfer's end, which sets the event idle; cancel it if the client wants that.

    A client that pipelines may send ABOR after another command, or disconnect after it. Otherwise
    neither would be noticed before the transfer's end, and a dead client's upload would look
    complete.
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
        pass  # a reset: the client is gone
    except MemoryError:
        return
    transfer.cancel(why)


def _holds_abor(held):
    """Whether one of the waiting lines is an ABOR, maybe after Telnet commands."""
    for line in held.split(b"\n")[:-1]:
        if strip_telnet(line).strip().upper() == b"ABOR":
            return True
    return False
