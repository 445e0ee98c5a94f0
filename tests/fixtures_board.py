"""Fixture `whole_board`: a simulated board with all its services, as `outpost sim` makes it."""

import contextlib
import ftplib
import io
import re

import pytest
from outpost import bundle
from outpost.sim.command import passive_range
from outpost.sim.desk import Board
from outpost.sim.prepare import prepare

ADMIN = {"password": "secret", "role": "admin", "root": "/"}


class WholeBoard(Board):
    """A running board; each ftp() is a session of its own, logged in as admin."""

    def ftp(self):
        """Log in; the session is closed when the test ends."""
        session = self.sessions.enter_context(ftplib.FTP())
        session.connect("127.0.0.1", self.ftp_port, timeout=20)
        session.login("admin", "secret")
        return session

    def stat(self, session):
        """What STAT says, as one text."""
        return session.sendcmd("STAT")

    def longest_stall_ms(self, session):
        """The longest that anything has held the board's loop since it started."""
        return int(re.search(r"longest stall (\d+) ms", self.stat(session))[1])

    def upload(self, session, path, content=b"x" * 5000):
        """Upload content at once."""
        session.storbinary("STOR " + path, io.BytesIO(content))


class Upload:
    """An upload that lasts until finish(): more() sends another piece of it."""

    def __init__(self, board, path):
        self.path = path
        self.size = 0
        self._session = board.ftp()
        self._session.voidcmd("TYPE I")
        self._data = self._session.transfercmd("STOR " + path)
        self._data.settimeout(20)
        self.more()

    def more(self, size=2000):
        """Send size bytes more."""
        self._data.sendall(b"u" * size)
        self.size += size

    def finish(self):
        """End it; ftplib.Error where the board does not confirm it, or has not all of it."""
        self.more()
        self._data.close()
        self._session.voidresp()
        assert self._session.size(self.path) == self.size


@pytest.fixture
def whole_board(tmp_path, free_port):
    """Start a board: (clock="2000", heap="133wK", **sections of config.json) -> WholeBoard."""
    with contextlib.ExitStack() as stack:

        def start(clock="2000", heap="133wK", **sections):
            port = free_port()
            ftp = {"port": port, "host": "127.0.0.1", "users": {"admin": ADMIN}}
            settings = {"ftp": ftp | {"passive_ports": list(passive_range(port))}} | sections
            flash = tmp_path / f"flash-{port}.img"
            prepare(flash, bundle.tree_root(), settings=settings)
            board = WholeBoard(flash, ftp_port=port, clock=clock, heap=heap)
            board.sessions = contextlib.ExitStack()
            stack.callback(board.kill)
            stack.enter_context(board.sessions)
            board.start()
            board.wait_ready()
            return board

        yield start


@pytest.fixture
def begin_upload():
    """Start an upload that lasts until finish(): (board, path) -> Upload."""
    return Upload
