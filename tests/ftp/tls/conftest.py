"""What the tests of FTPS share: boards with a certificate, connections that become TLS."""

import os
import ssl
import time

import pytest
from outpost import certificate

from tests.ftp.conftest import Control, wait_until

BLOB = os.urandom(1 << 20)


@pytest.fixture(scope="session")
def pair():
    """A certificate for the board, and its key."""
    return certificate.make(["127.0.0.1"])


@pytest.fixture(scope="session")
def context(pair):
    """What clients need to know the board by: its certificate, verified with its address."""
    context = ssl.create_default_context(cadata=pair.pem)
    # MicroPython can't send close_notify: docs/ftp.md.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


@pytest.fixture(scope="session")
def start_tls(power_up, pair):
    """Start a board with a certificate: (required=False, ftp=None, files=None, **) -> Desk."""

    def start(required=False, ftp=None, files=None, **options):
        ftp = {"tls": {"required": required}} | (ftp or {})
        files = {file.path: file.content for file in pair.files} | (files or {})
        return power_up(ftp=ftp, files=files, **options)

    return start


@pytest.fixture(scope="session")
def board(start_tls):
    """The board that these files share; its login limit is the shortest."""
    return start_tls(ftp={"login_s": 10}, lasting=True)


@pytest.fixture
def same_sockets(board):
    """The test must leave the board with the sockets that it began with."""
    before = wait_until(lambda: settled(board), "no socket comes or goes")
    yield
    wait_until(lambda: board.connections() == before, f"{before} connections as before")


def settled(board):
    """The sockets, where they stay the same for a moment; else None."""
    before = board.connections()
    time.sleep(0.2)
    return before if board.connections() == before else None


class Secure(Control):
    """A control connection that can become TLS, and its data connections with it."""

    def __init__(self, port, context):
        super().__init__(port)
        self._context = context
        self._wrapped = False

    def wrap(self, sock):
        return self._context.wrap_socket(sock, server_hostname="127.0.0.1")

    def auth(self):
        """AUTH TLS and the handshake."""
        assert self.ask("AUTH TLS").code == 234
        self._reader.close()
        self.sock = self.wrap(self.sock)
        self._reader = self.sock.makefile("rb")
        return self

    def private(self):
        """PBSZ 0 and PROT P."""
        assert self.ask("PBSZ 0").code == 200
        assert self.ask("PROT P").code == 200
        self._wrapped = True
        return self

    def begin(self, command, small=False):
        sock = super().begin(command, small)
        return self.wrap(sock) if self._wrapped else sock

    def store(self, command, content):
        sock = self.begin(command)
        sock.sendall(content)
        self.end(sock)
        return self.reply()

    def end(self, sock):
        """Close a data connection as clients do, with close_notify."""
        (sock.unwrap() if self._wrapped else sock).close()


@pytest.fixture
def secure(board, context):
    """Open a control connection over TLS: (user="admin", to=None, private=True) -> Secure.

    user None: after the handshake, not logged in.
    """
    opened = []

    def open_one(user="admin", to=None, private=True):
        control = Secure((to or board).port, context)
        opened.append(control)
        control.auth()
        if user:
            control.login(user)
            assert control.ask("TYPE I").code == 200
        return control.private() if private else control

    yield open_one
    for control in opened:
        control.close()
