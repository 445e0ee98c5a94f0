"""What the FTP tests share: simulated boards, their users, a bare client, real clients."""

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from ftp_client import PATIENCE_S, Client
from outpost import bundle, certificate
from outpost.sim.boards import BOARDS
from outpost.sim.desk import Board
from outpost.sim.flash import Flash

# What the user of each board has: folders that tests may look into.
USERS_FILES = {"/site/index.html": "<p>\n", "/site/ftp/page.html": "<p>\n"}
USERS = {
    "admin": {"password": "secret", "role": "admin", "root": "/"},
    "writer": {"password": "write", "role": "write", "root": "/"},
    "reader": {"password": "read", "role": "read", "root": "/"},
    "jailed": {"password": "jail", "role": "write", "root": "/jail"},
    "card": {"password": "card", "role": "write", "root": "/sd"},
}
# Below the ephemeral ports, where no client's own port can stand in a board's way.
PORTS = (10_000, 32_000)


class Control(Client):
    """A client who knows the passwords of USERS."""

    def login(self, user="admin", password=None):
        """Log in; returns itself. password None: that of USERS."""
        return super().login(user, USERS[user]["password"] if password is None else password)


class Desk(Board):
    """A simulated board with its FTP port, and its card: the host folder that is its /sd."""

    def __init__(self, flash, port, card, **options):
        super().__init__(flash, ftp_port=port, mounts=[(card, "/sd")], **options)
        self.port = port
        self.card = card

    def read(self, path):
        """A file's bytes on the flash of a board that is off; None where there is none."""
        with Flash(self.flash) as flash:
            return flash.read(path)

    def paths(self, folder):
        """The files below a folder of a board that is off."""
        with Flash(self.flash) as flash:
            return sorted(path for path in flash.paths() if path.startswith(folder))

    def connections(self):
        """Its file descriptors but for what listens, which is opened once and stays open."""
        descriptors, listeners = self.sockets()
        return descriptors - listeners

    def sockets(self):
        """(file descriptors, listening sockets) of the interpreter."""
        links = []
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(str(entry.readlink()))
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return len(links), len([row for row in table if row[3] == "0A" and row[9] in inodes])


def wait_until(condition, what, seconds=PATIENCE_S):
    """Poll until condition() is true and return its value; fail with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def wait_for():
    """The function: poll until condition() is true, (condition, what, seconds=20) -> its value."""
    return wait_until


def _free_port():
    """A port of PORTS that can be listened on."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = random.randrange(*PORTS)
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def power_up(tmp_path_factory):
    """Start a board for a test, its class or its module: (ftp=None, sections=None, ...) -> Desk.

    ftp: keys of that section of config.json beside the ports; sections: its other sections;
    config: the text of config.json, made from its ports, in place of all that; source: .py in
    place of .mpy; main: text of a main.py of the test's own; files: path -> text of more; wait:
    for logins; lasting: for the whole session; the other options are Board's.
    """
    boards = []
    lasting_boards = []

    def start(
        ftp=None, sections=None, config=None, main=None, files=None, source=False, wait=True,
        lasting=False, **options,
    ):  # fmt: skip
        folder = tmp_path_factory.mktemp("board")
        (folder / "sd").mkdir()
        port = _free_port()
        lowest = random.randrange(*PORTS)
        ports = {"port": port, "host": "127.0.0.1", "passive_ports": [lowest, lowest + 40]}
        if config:
            text = config(json.dumps(ports)[1:-1])
        else:
            # Whatever wrong passwords a test tries, the next one soon finds nothing of them.
            section = {"users": USERS, "max_sessions": 12, "lockout_s": 5} | ports | (ftp or {})
            # No name server is asked: a time server that never answers stalls nobody.
            sections = {"name": "desk", "time": {"servers": ["127.0.0.1"]}} | (sections or {})
            text = json.dumps(sections | {"ftp": section}, indent=1)
        device = bundle.device_files(bundle.tree_root(), source=source)
        more = (
            {"/config.json": text}
            | USERS_FILES
            | ({"/main.py": main} if main else {})
            | (files or {})
        )
        if source:  # its files take more than a Pico W's flash has
            options = {"profile": BOARDS["desk"]} | options
        with Flash(folder / "flash", board=options.get("profile")) as flash:
            flash.deploy(device, bundle.digest(device))
            for path, content in more.items():
                flash.write(path, content if isinstance(content, bytes) else content.encode())
        options = {"clock": "real"} | options
        board = Desk(folder / "flash", port, folder / "sd", **options)
        (lasting_boards if lasting else boards).append(board)
        board.start()
        if wait:
            board.wait_ready()
        return board

    start.boards = boards
    yield start
    for board in boards + lasting_boards:
        board.kill()


def _stopping(boards):
    """Stop the boards that are started from here on, at the end: each takes processor time."""
    before = len(boards)
    yield
    while len(boards) > before:
        boards.pop().kill()


@pytest.fixture(scope="module", autouse=True)
def power_down_after_module(power_up):
    """Stop the boards that a module's fixtures have started."""
    yield from _stopping(power_up.boards)


@pytest.fixture(scope="class", autouse=True)
def power_down_after_class(power_up):
    """Stop those of a class's fixtures."""
    yield from _stopping(power_up.boards)


@pytest.fixture(autouse=True)
def power_down(power_up):
    """Stop those of a single test."""
    yield from _stopping(power_up.boards)


@pytest.fixture(scope="module")
def board(power_up):
    """The board that the tests of a module share; each works in a folder of its own."""
    return power_up()


@pytest.fixture(scope="session")
def dial():
    """The function: log in at a board, (board, user="admin") -> Control, which nobody closes."""
    return lambda board, user="admin": Control(board.port).login(user)


@pytest.fixture
def connect(board):
    """Open a control connection to the shared board: (user="admin", source=None, to=None).

    user None: not logged in; to: another board.
    """
    opened = []

    def open_one(user="admin", source=None, to=None):
        control = Control((to or board).port, source)
        opened.append(control)
        return control.login(user) if user else control

    yield open_one
    for control in opened:
        control.close()


@pytest.fixture
def control(connect):
    """A control connection, logged in as admin."""
    return connect()


@pytest.fixture
def folder(connect, request):
    """A fresh folder on the board's flash; emptied and removed after the test."""
    yield from _fresh_folder(connect(), request.node.name)


def _fresh_folder(keeper, test):
    name = "/" + re.sub(r"\W+", "-", test)[:40]
    with contextlib.closing(keeper):  # its place is the test's: a Pico W has two
        assert keeper.ask(f"MKD {name}").code == 257
        assert keeper.ask("QUIT").code == 221
    yield name
    with contextlib.closing(Control(keeper.port)) as cleaner:
        remove(cleaner.login(), name)


@pytest.fixture(scope="module")
def ftps_board(power_up, tmp_path_factory):
    """A board that offers TLS, and requires it not. certificate: its PEM file; der: its bytes."""
    pair = certificate.make(["127.0.0.1"])
    board = power_up({"tls": {}}, files={file.path: file.content for file in pair.files})
    board.certificate = tmp_path_factory.mktemp("tls") / "cert.pem"
    board.certificate.write_text(pair.pem)
    board.der = pair.cert
    return board


@pytest.fixture
def ftps_folder(connect, ftps_board, request):
    """A fresh folder on the board that offers TLS."""
    yield from _fresh_folder(connect(to=ftps_board), request.node.name)


def remove(control, path):
    """Remove a folder with all that is in it."""
    control.ask("TYPE I")
    for line in control.fetch(f"MLSD {path}").decode().splitlines():
        facts, _, name = line.partition(" ")
        inner = f"{path}/{name}"
        if "type=dir" in facts:
            remove(control, inner)
        else:
            assert control.ask(f"DELE {inner}").code == 250
    assert control.ask(f"RMD {path}").code == 250


@pytest.fixture
def program(tmp_path):
    """Run an FTP client: (name, *args, ok=True, text=None) -> subprocess.CompletedProcess.

    ok: its exit status must be 0; text: its standard input. It runs in the folder
    `program.folder` without the settings of whoever runs the tests. `program.find(name)` only
    looks for it. Where a client is not installed the test is skipped, and says what to install.
    """
    home = tmp_path / "home"
    folder = tmp_path / "client"
    home.mkdir()
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment |= {"HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "dumb", "PAGER": "cat"}

    def find(name):
        found = shutil.which(name)
        if not found:
            package = "ncftp" if name.startswith("ncftp") else name.lower()
            pytest.skip(f"{name.upper()} IS NOT INSTALLED, NOT TESTED: apt-get install {package}")
        return found

    def run(name, *args, ok=True, text=None):
        done = subprocess.run(
            [find(name), *map(str, args)],
            cwd=folder,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        assert not ok or done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    run.find = find
    run.folder = folder
    run.environment = environment
    return run
