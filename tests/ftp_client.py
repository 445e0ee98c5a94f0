"""A bare FTP client: strict about replies, it hides nothing and misbehaves where told to."""

import contextlib
import re
import socket
import struct
from typing import NamedTuple

PATIENCE_S = 20  # longer than any reply may take, shorter than a test


class Reply(NamedTuple):
    """One reply: its code, and all its lines without their ends."""

    code: int
    lines: list

    @property
    def text(self):
        return "\n".join(self.lines)

    def __str__(self):
        return " / ".join(self.lines)


def passive_port(reply):
    """The port that a 227 or 229 tells."""
    if reply.code == 229:
        return int(re.search(r"\(\|\|\|(\d+)\|\)", reply.lines[0])[1])
    numbers = [int(number) for number in re.search(r"\(([\d,]+)\)", reply.lines[0])[1].split(",")]
    assert numbers[:4] == [127, 0, 0, 1]
    return numbers[4] << 8 | numbers[5]


def drain(sock):
    """What a socket yields until its end."""
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def linger(sock):
    """Let close() send a RST, as a client that dies does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Client:
    """A control connection to the board of 127.0.0.1:port; its greeting has been read.

    source: the loopback address to come from.
    """

    port_in = staticmethod(passive_port)
    rest = staticmethod(drain)

    def __init__(self, port, source=None, patience_s=PATIENCE_S):
        self.port = port
        self._patience_s = patience_s
        from_here = (source, 0) if source else None
        self.sock = socket.create_connection(("127.0.0.1", port), patience_s, from_here)
        self._reader = self.sock.makefile("rb")
        self._data = []
        self.greeting = self.reply()

    def send(self, text):
        """Send text, or bytes as they are; text gets its CRLF."""
        self.sock.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def reply(self):
        """The next reply, in the form of RFC 959 section 4.2.

        ConnectionError where the board has closed the connection.
        """
        lines = [self._line()]
        found = re.match(r"(?a:[1-5][0-5]\d)(?=[ -])", lines[0])
        assert found, f"no reply: {lines[0]!r}"
        code = found[0]
        while lines[0][3] == "-" and not lines[-1].startswith(code + " "):
            lines.append(self._line())
        return Reply(int(code), lines)

    def _line(self):
        line = self._reader.readline()
        if not line:
            raise ConnectionError("the board closed the control connection")
        assert line.endswith(b"\r\n"), line
        assert b"\r" not in line[:-2], line
        return line[:-2].decode()

    def ask(self, text):
        """Send a command and return its reply."""
        self.send(text)
        return self.reply()

    def login(self, user, password):
        """Log in; returns itself."""
        assert self.ask(f"USER {user}").code == 331
        reply = self.ask(f"PASS {password}")
        assert reply.code == 230, reply
        return self

    def passive_port(self):
        """A new port for a data connection."""
        reply = self.ask("EPSV")
        assert reply.code == 229, reply
        return passive_port(reply)

    def data(self, small=False, port=None):
        """A connected data connection; small: with the smallest buffer, to make the board wait.

        port: None for a new one.
        """
        sock = socket.socket()
        self._data.append(sock)
        sock.settimeout(self._patience_s)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port or self.passive_port()))
        return sock

    def begin(self, command, small=False):
        """Start a transfer: its data connection, after the 150."""
        sock = self.data(small)
        reply = self.ask(command)
        assert reply.code == 150, reply
        return sock

    def fetch(self, command):
        """Run a transfer from the board to its end: the bytes."""
        sock = self.begin(command)
        received = drain(sock)
        reply = self.reply()
        assert reply.code == 226, reply
        sock.close()
        return received

    def store(self, command, content):
        """Run a transfer to the board to its end: the final reply."""
        with self.begin(command) as sock:
            sock.sendall(content)
        return self.reply()

    def put(self, path, content):
        """Store a file, in the TYPE that is set."""
        reply = self.store(f"STOR {path}", content)
        assert reply.code == 226, reply

    def get(self, path):
        """A file's bytes."""
        assert self.ask("TYPE I").code == 200
        return self.fetch(f"RETR {path}")

    def names(self, path):
        """The names in a folder."""
        return self.fetch(f"NLST {path}").decode().split("\r\n")[:-1]

    def closed(self):
        """True once the board has closed this connection; reads what it still says."""
        with contextlib.suppress(ConnectionError):
            while self._reader.readline():
                pass
        return True

    def reset(self, sock=None):
        """Close a socket, or the control connection, with a RST."""
        sock = sock or self.sock
        linger(sock)
        if sock is self.sock:
            self._reader.close()
        sock.close()

    def leave(self):
        """Close the control connection alone, without a QUIT."""
        self._reader.close()
        self.sock.close()

    def close(self):
        """Close the data connections and the control connection, without a QUIT."""
        for sock in self._data:
            sock.close()
        self.leave()
