"""Fixtures that start simulated boards, which must end as they should, and run `outpost`."""

import contextlib
import ftplib
import io
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from outpost import bundle
from outpost.sim.command import passive_range
from outpost.sim.desk import Board
from outpost.sim.prepare import prepare

PASSWORD = "secret"
TRACEBACK = "Traceback (most recent call last)"


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


class DeskBoard(Board):
    """A Board of a test. ftp() logs in; what the test expects to go wrong it must allow.

    allow_traceback: the console may show one. allow_death: the board may end by itself.
    """

    password = PASSWORD
    allow_traceback = allow_death = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.sessions = contextlib.ExitStack()

    def ftp(self, user="admin", password=PASSWORD):
        """A session, logged in; closed when the test ends."""
        session = ftplib.FTP()
        self.sessions.callback(session.close)
        session.connect("127.0.0.1", self.ftp_port, timeout=20)
        session.login(user, password)
        return session

    def prove(self):
        """Log in, so that its config.json becomes the proven one, and return once it is."""
        start = len(self.console)
        with contextlib.closing(self.ftp()):
            self.wait_console("config/proven", start=start)

    def works(self):
        """Log in, store and fetch a file: the session."""
        session = self.ftp()
        session.storbinary("STOR /proof", io.BytesIO(b"proof"))
        found = []
        session.retrbinary("RETR /proof", found.append)
        assert b"".join(found) == b"proof"
        return session

    def status_lines(self):
        """The lines of a bare STAT."""
        with contextlib.closing(self.ftp()) as session:
            return session.sendcmd("STAT").splitlines()

    def stat(self, session):
        """What STAT says, as one text."""
        return session.sendcmd("STAT")

    def longest_stall_ms(self, session):
        """The longest that anything has held the board's loop since it started."""
        return int(re.search(r"longest stall (\d+) ms", self.stat(session))[1])

    def upload(self, session, path, content=b"x" * 5000):
        """Upload content at once."""
        session.storbinary("STOR " + path, io.BytesIO(content))

    def begin_upload(self, path):
        """Start an upload that lasts until finish()."""
        return Upload(self, path)

    def end(self):
        """Stop; AssertionError where it did not go as it should."""
        self.sessions.close()
        if self.state == "running":
            self.stop()
        if not self.allow_death:
            assert self.state not in ("died", "off"), f"{self.reason}\n{self.console}"
            assert not (self.state == "killed" and self.reason), f"{self.reason}\n{self.console}"
        if not self.allow_traceback:
            assert TRACEBACK not in self.console, self.console


class Command:
    """A running command, such as `outpost sim`, and its output. options: Popen's."""

    def __init__(self, command, **options):
        self.output = ""
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.output += line
                self._changed.notify_all()

    def wait_for(self, text, timeout=20):
        """Return once the output holds text."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.output, timeout), self.output

    def end(self, number=None, timeout=20):
        """Send the signal, if any, and return the exit status."""
        if number:
            self.process.send_signal(number)
        status = self.process.wait(timeout)
        self._reader.join()
        return status

    def kill(self):
        """End it, whatever it does."""
        self.process.kill()
        self._reader.join()


def free_ftp_port():
    """A TCP port of 127.0.0.1 which nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def desk(folder):
    """A callable that starts boards, whose flash lies in folder; they stop at the end."""
    boards = []

    def start(
        tree=None, *, flash=None, config=None, fresh=False, source=False, ftp=True, wait=True,
        **options,
    ):  # fmt: skip
        port = free_ftp_port() if ftp else None
        sections = {}
        if ftp:
            sections = {
                "ftp": {
                    "port": port,
                    "host": "127.0.0.1",
                    "passive_ports": list(passive_range(port)),
                    "users": {"admin": {"password": PASSWORD, "role": "admin", "root": "/"}},
                },
                "time": {"servers": ["127.0.0.1"]},  # no name server is asked
            }
        for section, values in (config or {}).items():
            sections[section] = sections.get(section, {}) | values
        flash = flash or folder / f"flash-{len(boards)}.img"
        tree = tree or bundle.tree_root()
        profile = options.get("profile")
        prepare(flash, tree, board=profile, fresh=fresh, source=source, settings=sections)
        board = DeskBoard(flash, ftp_port=port, **options)
        boards.append(board)
        board.start()
        if wait and ftp:
            board.wait_ready()
        return board

    try:
        yield start
        for board in boards:
            board.end()
    finally:
        for board in boards:
            board.sessions.close()
            board.kill()


@pytest.fixture
def start_board(tmp_path):
    """Start a simulated board with Outpost on it, or another device tree: -> DeskBoard.

    (tree=None, *, flash=None, config=None, fresh=False, source=False, ftp=True, wait=True,
    **options of Board). config: sections of config.json, merged into what a test needs; ftp:
    False where the tree serves no FTP; wait: for logins. At the end the boards are stopped, and
    the test fails where one had died, or had printed a traceback that it was not allowed.
    """
    with desk(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shared_board(tmp_path_factory):
    """A running board for all tests of a module; what they change stays for the next."""
    with desk(tmp_path_factory.mktemp("shared")) as start:
        board = start()
        board.prove()  # or its first test would see that happen, and another one not
        yield board


@pytest.fixture
def outpost():
    """Run `outpost` with a board's password, 80 columns wide: (*arguments, password=PASSWORD).

    Returns the CompletedProcess.
    """

    def run(*arguments, password=PASSWORD):
        return subprocess.run(
            [Path(sys.executable).with_name("outpost"), *arguments],
            capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
            env=os.environ | {"OUTPOST_PASSWORD": password, "COLUMNS": "80"},
        )  # fmt: skip

    return run
