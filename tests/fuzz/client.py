"""A control connection that is strict about replies, and a data connection that misbehaves."""

import re
import socket
import struct
from typing import NamedTuple

PATIENCE_S = 5  # the board is on this machine; it waits three times as long


class Reply(NamedTuple):
    """A reply: its code, and its lines as text without their ends."""

    code: int
    lines: list

    def __str__(self):
        return " / ".join(self.lines)


class Client:
    """A control connection to the board of 127.0.0.1:port; its greeting has been read."""

    def __init__(self, port):
        self._sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._sock.makefile("rb")
        greeting = self.reply()
        assert greeting.code == 220, greeting

    def send(self, data):
        """Send bytes as one packet."""
        self._sock.sendall(data)

    def reply(self):
        """The next reply, in the form of RFC 959 section 4.2; EOFError where there is none."""
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
            raise EOFError("the board closed the control connection")
        assert line.endswith(b"\r\n"), line
        text = line[:-2].decode()
        assert "\r" not in text, line
        return text

    def ask(self, command):
        """Send a command and return its reply."""
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def login(self, user, password):
        assert self.ask(f"USER {user}").code == 331
        reply = self.ask(f"PASS {password}")
        assert reply.code == 230, reply
        return self

    def fetch(self, command):
        """What a transfer from the board sends."""
        sock = connect(passive_port(self.ask("EPSV")))
        with sock:
            reply = self.ask(command)
            assert reply.code == 150, reply
            received = drain(sock)
        reply = self.reply()
        assert reply.code == 226, reply
        return received

    def at_end(self):
        """True where the board has closed the connection without another word."""
        return self._reader.read() == b""

    def close(self, reset=False):
        if reset:
            linger(self._sock)
        self._reader.close()
        self._sock.close()

    def entries(self, folder):
        """{name: type of MLSD, size} of a folder: size None where it is a folder."""
        found = {}
        for line in self.fetch(f"MLSD {folder}").decode().split("\r\n")[:-1]:
            facts, _, name = line.partition(" ")
            size = re.search(r"size=(\d+);", facts)
            found[name] = None if "type=dir" in facts else int(size[1])
        return found

    def tree(self, root):
        """({file: bytes}, {folders}) below root, as paths from there on."""
        files, folders = {}, {"/"}
        waiting = ["/"]
        while waiting:
            folder = waiting.pop()
            for name, size in self.entries(root + folder).items():
                path = folder.rstrip("/") + "/" + name
                if size is None:
                    folders.add(path)
                    waiting.append(path)
                else:
                    files[path] = self.fetch(f"RETR {root}{path}")
                    assert len(files[path]) == size, path
        return files, folders


def passive_port(reply):
    """The port that a 227 or 229 tells."""
    if reply.code == 229:
        return int(re.search(r"\(\|\|\|(\d+)\|\)", reply.lines[0])[1])
    numbers = [int(number) for number in re.search(r"\(([\d,]+)\)", reply.lines[0])[1].split(",")]
    assert numbers[:4] == [127, 0, 0, 1]
    return numbers[4] << 8 | numbers[5]


def connect(port):
    """A data connection to a passive port."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def drain(sock):
    """What comes until the end."""
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def linger(sock):
    """Let close() send a RST, as a client that dies does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
