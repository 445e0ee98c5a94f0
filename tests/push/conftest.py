"""What a push needs: an application's folder, boards with sessions of push's own, the command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures_sim import PASSWORD, DeskBoard
from outpost.address import Address
from outpost.push.session import Session
from outpost.sim.flash import Flash

OUTPOST = Path(sys.executable).with_name("outpost")
USER = "admin"


class Folder:
    """A folder on the host, to be written to: a path like any other."""

    def __init__(self, path):
        self._path = path

    def __str__(self):
        return str(self._path)

    __fspath__ = __str__

    def write(self, files):
        """Write files, path -> text or bytes; return the folder."""
        for path, content in files.items():
            (self._path / path).parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            (self._path / path).write_bytes(data)
        return self


@pytest.fixture
def app(tmp_path):
    """The Folder of an application, which a test may change."""
    return Folder(tmp_path / "weather").write(
        {
            "app.py": "import asyncio\n\n\nasync def run(status, events):\n"
            "    while True:\n        await asyncio.sleep(1)\n",
            "weather/__init__.py": "",
            "weather/sensor.py": "PIN = 4\n",
            "www/index.html": "<p>weather\n",
        }
    )


@pytest.fixture
def session_of():
    """A push's session with a DeskBoard: (board, context=None) -> Session, closed at the end."""
    sessions = []

    def begin(board, context=None):
        scheme = "ftps" if context else "ftp"
        address = Address(scheme, USER, PASSWORD, "127.0.0.1", board.ftp_port)
        sessions.append(Session(address, context))
        return sessions[-1]

    yield begin
    for session in sessions:
        session.close()


@pytest.fixture
def start_configured(start_board, tmp_path):
    """Start a board whose config.json begins as a dict says: (config, **options) -> DeskBoard."""

    def start(config, **options):
        image = tmp_path / "configured.img"
        with Flash(image, fresh=True) as flash:
            flash.write("/config.json", json.dumps(config).encode())
        return start_board(flash=image, **options)

    return start


class Pushed:
    """What a push says and how it ends; waits for that."""

    def __init__(self, process):
        self.stdout, self.stderr = process.communicate(timeout=100)
        self.status = process.returncode

    @property
    def report(self):
        """What --json printed."""
        return json.loads(self.stdout)

    @property
    def boards(self):
        """What --json printed of each board, in their order."""
        return self.report["boards"]


def _word(argument):
    if isinstance(argument, DeskBoard):
        return f"ftp://{USER}@127.0.0.1:{argument.ftp_port}/"
    return str(argument)


@pytest.fixture
def begin_push(monkeypatch):
    """Begin `outpost push` with arguments, of which boards become URLs; -> subprocess.Popen.

    The password is in the environment.
    """
    monkeypatch.setenv("OUTPOST_PASSWORD", PASSWORD)
    begun = []

    def begin(*arguments):
        process = subprocess.Popen(
            [OUTPOST, "push", *map(_word, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def push(begin_push):
    """Do all of a push: (*arguments) as begin_push takes them; -> Pushed."""
    return lambda *arguments: Pushed(begin_push(*arguments))
