"""The data connection: a passive listener or an active target, and the socket it becomes."""

import errno
import select
import socket

import hal
from hal.net import accept, listen, readable, writable
from services.ftp.errors import FTPError


class DataConnection:
    """One session's way to its next data connection; peer: its control connection's address.

    Both ends are tied to that address: a port is opened to nobody else (the bounce attack) and
    a connection from elsewhere is refused (stealing; RFC 2577 sections 3 and 6).
    """

    # Here, where they cost nothing for a session that moves nothing.
    tls = None  # the Tls of PROT P, None for PROT C
    _listener = None
    _target = None
    _sock = None

    def listen(self, host, ports):
        """Open a listener on the first free one of ports and return that port."""
        self.close()
        for port in ports:
            try:
                self._listener = listen(host, port, 1)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise FTPError(425, "No socket left for a passive port; try again.")
                continue
            return port
        raise FTPError(425, "All passive ports are in use; try again.")

    def aim(self, port):
        """Take an active connection to a port of the peer."""
        self.close()
        self._target = port

    def sockets(self):
        """How many sockets this has open, or is to open when a transfer begins."""
        return bool(self._listener) + bool(self._target) + bool(self._sock)

    def is_ready(self):
        """True after PASV, EPSV, PORT or EPRT, which a transfer needs."""
        return bool(self._listener or self._target)

    async def open(self, peer):
        """Return the connected, non-blocking socket, TLS over it after PROT P; or FTPError.

        425: there is no connection, 522: client and board can't agree on TLS.
        """
        sock = await (self._accept(peer) if self._listener else self._connect(peer))
        return await self._secure(sock) if self.tls else sock

    async def _secure(self, sock):
        """RFC 4217 section 9: the board is TLS's server, whoever has opened the connection."""
        try:
            self._sock = secured = self.tls.wrap(sock)
            await secured.handshake()
        except MemoryError:
            raise FTPError(425, "Not enough memory for a TLS data connection; try again.")
        except (OSError, ValueError) as error:
            raise FTPError(522, "No TLS on the data connection: %s." % error)
        return secured

    async def _accept(self, peer):
        while True:
            try:
                self._sock, address = accept(self._listener)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise FTPError(425, "The data connection failed: error %s." % error)
                await readable(self._listener)
                continue
            if hal.peer_address(address)[0] == peer:
                break
            self._sock.close()
            self._sock = None
        self._listener.close()
        self._listener = None
        self._sock.setblocking(False)
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
                raise FTPError(425, "Could not open the data connection: error %s." % error)
        await writable(sock)
        # Ports without getsockopt(SO_ERROR) tell a failed connect by poll alone.
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        for _, event in poller.poll(0):
            if event & (select.POLLERR | select.POLLHUP):
                text = "Nobody listens on port %d of %s; use PASV."
                raise FTPError(425, text % (port, peer))
        return sock

    def close(self):
        """Close listener and socket, whichever is there."""
        if self._listener:
            self._listener.close()
        if self._sock:
            self._sock.close()
        self._listener = self._sock = self._target = None
