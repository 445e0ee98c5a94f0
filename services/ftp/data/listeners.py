"""Sockets: the passive listeners, and the number of connections that the port allows.

What is taken is counted from what is open, so nothing can leak; a session that waits looks again
every 20 ms, since some of what makes room is only time.
"""

import errno
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal.net import listen, turn_away
from services.ftp.errors import FTPError

_LOOK_MS = const(20)
_WAIT_MS = const(15_000)  # for a data connection's socket; clients give up after 20 s and more
_UNUSED_MS = const(5_000)  # a port was asked for and then nothing: others may have it


class Sockets:
    """The budget of a server. most: control and data connections at a time, 0 for no bound.

    ports: (lowest, highest) for data connections. A listener is opened when it is first needed,
    lent to one session from PASV until its data connection has come, and never closed, since on
    an RP2 that would cost another connection (hal.net.listen).
    """

    def __init__(self, server, most, ports):
        self._server = server
        self._most = most
        self.passive_ports = ports
        self.ports = []  # the ports of all listeners
        self.free = []  # (listener, port) of those not lent; one that comes back goes to the end
        self._waiting = []  # sessions in the order of their coming

    def sessions(self):
        """How many sessions there may be: each has a place for its data connection."""
        return max(1, self._most // 2)

    def full(self):
        """Whether all connections are taken."""
        if not self._most:
            return False
        count = 0
        for session in self._server.sessions:
            if not session.why:  # told to go, and gone in the next step of its task
                count += 1 + session.data.sockets()
        return count >= self._most

    async def seat(self, session, host=None):
        """Return when the session may have a data connection; FTPError 425 after 15 s.

        host: the address to listen on, for a listener and its port; None for active mode.
        """
        session.data.close()  # a new PASV takes the place of the last one
        self._server.buffers.stand_by()  # before the transfer's command brings its modules
        began = ticks_ms()
        line = self._waiting
        line.append(session)
        try:
            while True:
                # First come, first served: who has just freed one would always be quicker.
                if line[0] is session:
                    if not self.full():
                        if host is None:
                            return None
                        lent = self._open(host)
                        if lent:
                            return lent
                    self.release()
                if ticks_diff(ticks_ms(), began) > _WAIT_MS:
                    raise FTPError(425, "All sockets are taken; try again later.")
                await asyncio.sleep_ms(_LOOK_MS)
        finally:
            line.remove(session)

    def sweep(self, most=None):
        """Send away all who have connected to a listener that no client has been told of."""
        for listener, _ in self.free[:most]:
            turn_away(listener)

    def _open(self, host):
        """Lend (listener, port); None for "later", FTPError 425 where there is none.

        The one that has been free for longest: the port that a client was told of last may still
        get that client's connection.
        """
        if self.free:
            self.sweep(1)  # what came for the session before
            return self.free.pop(0)
        low, high = self.passive_ports
        if not hal.LISTENERS or len(self.ports) < hal.LISTENERS:
            for port in range(low, high + 1):
                if port in self.ports:
                    continue
                try:
                    listener = listen(host, port)
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        continue
                    if error.errno == errno.ENOMEM:
                        # lwIP makes a connection of each listener first, and has five: those
                        # that end, such as a soft reset's, are gone in a moment.
                        return None
                    break
                self.ports.append(port)
                return listener, port
        if not self.ports:
            raise FTPError(425, "All passive ports are in use; try again.")
        return None

    def release(self):
        """Take away the ports that nobody uses."""
        for session in self._server.sessions:
            if not session.transfer and session.silent_ms() > _UNUSED_MS:
                session.data.close()
