"""The data connection: a passive listener or an active target, and the socket it becomes."""

import errno
import socket

import hal
from hal.net import accept, failed, readable, writable
from services.borrow import reason
from services.ftp.errors import FTPError


class DataConnection:
    """A session's next data connection. peer: the address of its control connection.

    Both directions are tied to that address: it connects to no other host (the bounce attack), and
    refuses connections from other hosts (connection stealing; RFC 2577 sections 3 and 6). server:
    lends the listeners.
    """

    # Class attributes take no memory in a session without transfers.
    tls = None  # the Tls of PROT P, None for PROT C
    _listener = None  # (listener, port) that the server has lent
    _target = None
    _sock = None

    def __init__(self, server):
        self._server = server

    def listen(self, listener):
        """Use a passive connection to (listener, port), which was lent; return the port."""
        self._listener = listener
        return listener[1]

    def aim(self, port):
        """Use an active connection to a port of the peer."""
        self.close()
        self._target = port

    def sockets(self):
        """Return how many connections this has open, or will open when a transfer begins."""
        return 1 if self._listener or self._target or self._sock else 0

    is_ready = sockets  # truthy after PASV, EPSV, PORT or EPRT, which a transfer needs

    async def open(self, peer):
        """Return the connected, non-blocking socket, under TLS after PROT P.

        Raises FTPError 425 if there is no connection, 522 if client and board can't agree on TLS.
        """
        try:
            sock = await (self._connect(peer) if self._target else self._accept(peer))
        except OSError as error:
            raise FTPError(425, "The data connection failed: %s." % reason(error))
        return await self._secure(sock) if self.tls else sock

    async def _secure(self, sock):
        """RFC 4217 section 9: the board is always the TLS server, even in active mode."""
        try:
            self._sock = secured = self.tls.wrap(sock, True)
            await secured.handshake()
        except MemoryError:
            raise FTPError(425, "Not enough memory for a TLS data connection; try again.")  # hot
        except (OSError, ValueError) as error:
            raise FTPError(522, "No TLS on the data connection: %s." % error)
        return secured

    def take(self, peer):
        """Accept the client's connection; False if there is none. Raises OSError, MemoryError.

        Call it before the 150. After that, a client with nothing to send closes at once, and an
        RP2 loses an end that comes before accept() (extmod/modlwip.c, _lwip_tcp_recv_unaccepted).
        """
        while self._listener:
            try:
                self._sock, address = accept(self._listener[0])
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                return False
            if hal.peer_address(address)[0] == peer:
                self.release()
                self._sock.setblocking(False)
            else:
                self._sock.close()
                self._sock = None
        return True

    async def _accept(self, peer):
        while not self.take(peer):
            await readable(self._listener[0])
        return self._sock

    async def _connect(self, peer):
        port = self._target
        self._target = None
        target = socket.getaddrinfo(peer, port)[0]
        self._sock = sock = socket.socket(target[0])
        sock.setblocking(False)
        try:
            sock.connect(target[-1])
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        await writable(sock)
        if failed(sock):
            text = "Nobody listens on port %d of %s; use PASV."  # cold
            raise FTPError(425, text % (port, peer))
        return sock

    def close(self):
        """Close the socket, and return the listener to the server."""
        self.release()
        if self._sock:
            self._sock.close()
        self._sock = self._target = None

    def release(self):
        """Return the listener to the server, if there is one."""
        if self._listener:
            self._server.sockets.free.append(self._listener)
            self._listener = None
