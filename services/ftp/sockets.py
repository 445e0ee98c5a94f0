"""Sockets: keeps FTP within the number that the port has; who finds none left waits its turn.

Imported where there is a budget. What is taken is counted from what is open, so nothing can
leak; who waits looks again every 20 ms, since some of what makes room is only time.
"""

from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from services.ftp.admission import reclaim
from services.ftp.errors import FTPError

_LOOK_MS = const(20)
_WAIT_MS = const(15_000)  # for a data connection's socket; clients give up after 20 s and more
_UNUSED_MS = const(5_000)  # a port was asked for and then nothing: others may have its socket
_LISTENERS = const(1)
_SPARE = const(1)  # taking a data connection in needs its socket before the listener closes


class Sockets:
    """The budget of a server, at least 4: a listener, a session, its data connection, a spare.

    The spare is shared: accepting and closing the listener is one step of the loop.
    """

    def __init__(self, server, most):
        self._server = server
        self._room = most - _LISTENERS - _SPARE  # for control and data connections
        self._waiting = []  # in the order of their coming; None: a client that isn't accepted

    def sessions(self):
        """How many sessions there may be: one data connection always has its place."""
        return self._room - 1

    async def seat(self):
        """Return when one more control connection may be accepted; one of idlers makes room."""
        server = self._server
        while len(server.sessions) >= self.sessions():
            if not any(session.why for session in server.sessions):  # one at a time
                reclaim(server)
            await asyncio.sleep_ms(_LOOK_MS)
        await self._turn(None, None)

    async def data(self, session):
        """Return when the session may open a data connection; FTPError 425 after 15 s."""
        session.data.close()  # a new PASV takes the place of the last one
        if not await self._turn(session, ticks_ms()):
            raise FTPError(425, "All sockets are taken; try again later.")

    async def _turn(self, who, since):
        """Wait in line until there is room; False where that took too long."""
        line = self._waiting
        line.append(who)
        try:
            # First come, first served: who has just freed one would always be quicker.
            while line[0] is not who or not self._fits(who):
                if since is not None and ticks_diff(ticks_ms(), since) > _WAIT_MS:
                    return False
                await asyncio.sleep_ms(_LOOK_MS)
        finally:
            line.remove(who)
        return True

    def _fits(self, who):
        """True where there is a socket; takes away the ports that nobody uses."""
        data = 0
        for session in self._server.sessions:
            count = session.data.sockets()
            if count and not session.transfer and session.silent_ms() > _UNUSED_MS:
                session.data.close()
            else:
                data += count
        if who is None:
            data = max(data, 1)
        return len(self._server.sessions) + data < self._room
