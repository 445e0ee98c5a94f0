"""Sockets: the passive listeners, and how many connections the port allows.

Sockets in use are counted from what is open, so the count can't drift. A waiting session polls
every 20 ms, since some sockets become free only by a time-out.
"""

import errno
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal.net import listen, turn_away
from services.ftp.errors import FTPError

_LOOK_MS = const(20)
_WAIT_MS = const(15_000)  # for a data connection's socket; clients wait at least 20 s
_UNUSED_MS = const(5_000)  # an unused port of a silent session may be lent to another


class Sockets:
    """The sockets of a server. most: control and data connections at a time, 0 for no limit.

    ports: (lowest, highest) for data connections. A listener is opened at its first use and lent
    to one session, from PASV until its data connection has come. It is never closed, because on an
    RP2 that would destroy another connection (hal.net.listen).
    """

    def __init__(self, server, most, ports):
        self._server = server
        self._most = most
        self.passive_ports = ports
        self.ports = []  # the ports of all listeners
        self.free = []  # (listener, port) of those not lent; a returned one is appended
        self._waiting = []  # waiting sessions, in the order of their requests

    def sessions(self):
        """Return how many sessions are allowed; each may also need a data connection."""
        return max(1, self._most // 2)

    def full(self):
        """Whether all connections are taken."""
        if not self._most:
            return False
        count = 0
        for session in self._server.sessions:
            if not session.why:  # a session that was told to end does so in its next step
                count += 1 + session.data.sockets()
        return count >= self._most

    async def queue_for_socket(self, session, host=None):
        """Wait until the session may have a data connection. Raises FTPError 425 after 15 s.

        host: the address to listen on; returns (listener, port). None: active mode; returns None.
        """
        session.data.close()  # a new PASV replaces the last one
        self._server.buffers.stand_by()  # before the transfer's command loads its modules
        began = ticks_ms()
        line = self._waiting
        line.append(session)
        try:
            while True:
                # First come, first served: otherwise the session that just freed a socket would
                # win.
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
        """Close all connections to listeners that are not lent: no client was told their port."""
        for listener, _ in self.free[:most]:
            turn_away(listener)

    def _open(self, host):
        """Lend (listener, port). Return None to try later. Raises FTPError 425 if there is none.

        Lends the listener that has been free longest: the client that was told the last one's port
        may still connect to it.
        """
        if self.free:
            self.sweep(1)  # connections for the session that had it before
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
                        # lwIP allocates a connection for each listener at first, and has five.
                        # Connections that are ending, such as those of before a soft reset, become
                        # free in a moment.
                        return None
                    break
                self.ports.append(port)
                return listener, port
        if not self.ports:
            raise FTPError(425, "All passive ports are in use; try again.")
        return None

    def release(self):
        """Release the ports of sessions that don't use them."""
        for session in self._server.sessions:
            if not session.transfer and session.silent_ms() > _UNUSED_MS:
                session.data.close()
