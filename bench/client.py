"""The client: the same ftplib and sockets for every server, with a stop watch."""

import contextlib
import ftplib
import hashlib
import selectors
import socket
import ssl
import time

TIMEOUT_S = 60
_PIECE = 1 << 18


class WrongContent(Exception):
    """What arrived is not what was sent."""


def check(data, digest, what):
    """WrongContent where data has another SHA-256."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise WrongContent(f"{what}: wrong content")


def _trusting():
    """TLS without a look at the certificate: the server is this machine, the name is none."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # MicroPython can't send close_notify; what arrives is checked by its SHA-256.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


class Client:
    """A logged-in session in TYPE I; a context manager. Times are in seconds.

    secure: over TLS, control and data connections. timeout_s: for each step.
    """

    def __init__(self, port, user, password, secure=False, timeout_s=TIMEOUT_S):
        if secure:
            self.ftp = ftplib.FTP_TLS(timeout=timeout_s, context=_trusting())
        else:
            self.ftp = ftplib.FTP(timeout=timeout_s)
        self.ftp.connect("127.0.0.1", port)
        self.ftp.login(user, password)
        if secure:
            self.ftp.prot_p()
        self.ftp.voidcmd("TYPE I")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        """QUIT, and wait until the server has closed: some refuse a second session until then."""
        self.ftp.sendcmd("QUIT")
        self.ftp.sock.recv(1)
        self.ftp.close()

    def retrieve(self, path, room):
        """RETR into the buffer `room`; return (time from the 150 to the end of data, bytes)."""
        sock = self.ftp.ntransfercmd(f"RETR {path}")[0]
        with sock:
            result = _take(sock, room)
        self.ftp.voidresp()
        return result

    def store(self, path, data):
        """STOR data; return the time from the 150 to the 226, when all is in the file."""
        sock = self.ftp.ntransfercmd(f"STOR {path}")[0]
        began = time.perf_counter()
        with sock:
            sock.sendall(data)
            _end(sock)
        self.ftp.voidresp()
        return time.perf_counter() - began


class PlainClient:
    """A client of the blocking loop, with the same methods; a connection for each call."""

    def __init__(self, port, secure=False):
        self._port = port
        self._secure = secure

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def retrieve(self, path, room):
        """As Client.retrieve()."""
        with self._ask("RETR", path) as sock:
            return _take(sock, room)

    def store(self, path, data):
        """As Client.store(); the loop closes when it has written all."""
        with self._ask("STOR", path) as sock:
            began = time.perf_counter()
            sock.sendall(data)
            _end(sock)
            with contextlib.suppress(OSError, ValueError):
                sock.recv(1)  # over TLS _end() has waited for this
            return time.perf_counter() - began

    def bare(self, verb, path):
        """READ or WRITE a file on the board, no socket in it; return the time."""
        with self._connected(verb, path) as sock:
            return int(sock.makefile().readline()) / 1e6

    def _connected(self, verb, path):
        sock = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)
        sock.sendall(f"{verb} {path}\n".encode())
        return sock

    def _ask(self, verb, path):
        if self._secure:
            sock = _trusting().wrap_socket(self._connected("TLS " + verb, path))
        else:
            sock = self._connected(verb, path)
        answer = b""
        while len(answer) < 5 and (more := sock.recv(5 - len(answer))):
            answer += more
        if answer != b"150\r\n":
            raise OSError(f"the blocking loop refused {verb} {path}")
        return sock


def _end(sock):
    """Say that all has been sent; over TLS also wait until the other side has closed."""
    if isinstance(sock, ssl.SSLSocket):
        with contextlib.suppress(OSError):  # it may get no close_notify in return
            sock.unwrap()
    else:
        sock.shutdown(socket.SHUT_WR)


def _take(sock, room):
    """Read a socket until its end into a buffer; return (time, bytes)."""
    view = memoryview(room)
    count = 0
    began = time.perf_counter()
    while True:
        size = sock.recv_into(view[count : count + _PIECE])
        if not size:
            return time.perf_counter() - began, count
        count += size


def take_all(socks, rooms):
    """Read several sockets at once until their ends, each into its buffer, and close them."""
    with selectors.DefaultSelector() as selector:
        for sock, room in zip(socks, rooms, strict=True):
            selector.register(sock, selectors.EVENT_READ, [memoryview(room), 0])
        while selector.get_map():
            for key, _ in selector.select():
                view, count = key.data
                size = key.fileobj.recv_into(view[count : count + _PIECE])
                key.data[1] += size
                if not size:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
