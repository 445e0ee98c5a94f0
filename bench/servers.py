"""The servers under test: each a fresh process on loopback, with the same card folder."""

import ftplib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from outpost import bundle
from outpost.sim import desk
from outpost.sim.prepare import prepare

from bench.client import Client, PlainClient

SCRIPTS = Path(__file__).parent / "board"
SIMULATOR = Path(desk.__file__).parent / "board"
INTERPRETER = Path(sys.executable).with_name("micropython")
USER = PASSWORD = "bench"
HEAP = "133wK"  # worth a heap of 133 KiB on a 32-bit board
BUFFER = 4096
_PASSIVE_PORTS = 64
_STOP_S = 10


class ServerDied(Exception):
    """A server ended, or never answered; the text is the end of what it printed."""


def free_ports(count):
    """The first of `count` adjacent free ports, below those that the kernel gives to clients."""
    while True:
        first = random.randrange(10_000, 32_000 - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def compiled(source, folder):
    """Compile a module to folder/<its name>.mpy."""
    folder.mkdir(parents=True, exist_ok=True)
    content = bundle.compiled(source.read_bytes(), source.name, bundle.tree_root() / "build/mpy")
    (folder / f"{source.stem}.mpy").write_bytes(content)


def _compiled_scripts(room):
    """A folder of the bench's own modules, compiled: they share the servers' heap."""
    folder = room / "scripts"
    for script in (*SCRIPTS.glob("*.py"), *SIMULATOR.glob("_flash.py")):
        compiled(script, folder)
    return folder


class Server:
    """One program that serves `card`, a folder of the host. Use it in a `with` statement.

    heap: as -X heapsize= takes it, where the program is MicroPython.
    """

    name = "server"
    start_s = 20  # how long it may take to serve
    sessions = 64  # how many at once from one address
    longest_list = 10_000  # entries; more end in MemoryError
    card = "/"  # the folder as the client sees it
    flash = None  # where a LittleFS is, as the client sees it

    def __init__(self, folder, heap=HEAP):
        self.folder = Path(folder)
        self.heap = heap
        self.port = free_ports(1)
        self.process = None
        self._room = None

    def __enter__(self):
        self._room = Path(tempfile.mkdtemp(prefix="outpost-bench-"))
        try:
            command = [str(part) for part in self.command(self._room)]
            with self._console.open("wb") as console:
                self.process = subprocess.Popen(
                    command,
                    env=os.environ | {"MICROPYPATH": f"{_compiled_scripts(self._room)}:.frozen"},
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                )
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self._room)

    @property
    def _console(self):
        return self._room / "console.txt"

    def command(self, room):
        """Prepare the folder `room` and return the command that starts the server."""
        raise NotImplementedError

    def micropython(self, module, *arguments):
        """The command that runs one of the bench's modules in the interpreter."""
        options = ["-X", f"heapsize={self.heap}", "-m", module]
        return [INTERPRETER, *options, *arguments]

    def printed(self):
        """What the server has printed so far."""
        return self._console.read_text(errors="replace")

    @property
    def pid(self):
        """Process id of the server."""
        return self.process.pid

    def cpu_s(self):
        """Processor time that the server has used, in seconds."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def client(self):
        """A new logged-in client; OSError, EOFError or an FTP error where it serves none."""
        return Client(self.port, USER, PASSWORD)

    def answers(self):
        """Log in and leave; raises what client() does."""
        self.client().close()

    def _wait(self):
        deadline = time.monotonic() + self.start_s
        while True:
            try:
                return self.answers()
            except (OSError, EOFError, ftplib.Error):
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    text = f"{self.name} does not serve:\n{self.printed()[-2000:]}"
                    raise ServerDied(text) from None
                time.sleep(0.02)


def outpost_config(port, **ftp):
    """config.json as an object: all services, one of them with these FTP settings."""
    low = free_ports(_PASSIVE_PORTS)
    return {
        "name": "bench",
        "ftp": {
            "host": "127.0.0.1",
            "port": port,
            "passive_ports": [low, low + _PASSIVE_PORTS - 1],
            "max_sessions": 10,
            "users": {USER: {"password": PASSWORD, "role": "admin", "root": "/"}},
            **ftp,
        },
        # Services that look for their servers and find nobody: the usual field trip.
        "time": {"servers": ["127.0.0.1"]},
        "telemetry": {"broker": f"mqtt://127.0.0.1:{free_ports(1)}"},
    }


class Outpost(Server):
    """Outpost as it ships, on the simulated board: all services, .mpy on LittleFS."""

    name = "Outpost"
    card = "/sd/"
    flash = "/"

    def __init__(self, folder, heap=HEAP, buffer=BUFFER):
        super().__init__(folder, heap)
        self._buffer = buffer
        self._board = None

    def __enter__(self):
        self._room = Path(tempfile.mkdtemp(prefix="outpost-bench-"))
        try:
            image = self._room / "flash.img"
            config = json.dumps(outpost_config(self.port, buffer=self._buffer))
            prepare(image, bundle.tree_root(), config=config)
            # The host's clock: libfaketime would tax every look at the time.
            self._board = desk.Board(
                image,
                ftp_port=self.port,
                heap=self.heap,
                mounts=[(self.folder, "/sd")],
                clock="real",
            )
            self._board.start()
            self._board.wait_ready(self.start_s)
            self._settle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure):
        if self._board and self._board.state == "running":
            self._board.stop()
        shutil.rmtree(self._room)

    def _settle(self):
        """Let the boot be over: a user's first login pays for PBKDF2, the first second for NTP,
        the broker, and counting the flash's free blocks."""
        deadline = time.monotonic() + self.start_s
        with self.client() as connection:
            while "uptime 0:00:02" not in connection.ftp.sendcmd("STAT"):
                if time.monotonic() > deadline:
                    raise ServerDied(f"STAT shows no uptime of 2 s:\n{self.printed()[-2000:]}")
                time.sleep(0.1)

    @property
    def pid(self):
        return self._board.pid

    def printed(self):
        return self._board.console


class ProbedOutpost(Server):
    """Outpost with a probe in it, as .mpy in the plain interpreter on folders of the host.

    services: names, when only those are to run; by default main.py runs with all of them.
    ftp: more settings of that section.
    """

    name = "Outpost"
    card = "/sd/"

    def __init__(self, folder, heap=HEAP, services=(), **ftp):
        super().__init__(folder, heap)
        self._services = services
        self._ftp = ftp

    def command(self, room):
        root = room / "root"
        write_bundle(root)
        (root / "sd").mkdir()
        shutil.copy(SCRIPTS / "some.py", root)
        (root / "config.json").write_text(json.dumps(outpost_config(self.port, **self._ftp)))
        return self.micropython("serve_outpost", root, self.folder, *self._services)


def write_bundle(root, source=False):
    """Write the device code into a folder of the host, as .mpy or .py."""
    for file in bundle.device_files(bundle.tree_root(), source=source):
        place = root / file.path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)


class FTPdLite(Server):
    """DavesCodeMusings' FTPdLite as .mpy; folder `source` holds ftpdlite.py."""

    name = "FTPdLite"
    sessions = 1
    longest_list = 500

    def __init__(self, folder, source, heap=HEAP):
        super().__init__(folder, heap)
        self._source = Path(source)

    @property
    def card(self):
        return f"{self.folder}/"

    def command(self, room):
        compiled(self._source / "ftpdlite.py", room)
        low = free_ports(_PASSIVE_PORTS)
        ports = (self.port, low, low + _PASSIVE_PORTS - 1)
        return self.micropython("serve_ftpdlite", room, *ports)


class Uftpd(Server):
    """robert-hh's uftpd as .mpy; folder `source` holds uftpd.py."""

    name = "uftpd"
    sessions = 1
    longest_list = 500

    def __init__(self, folder, source, heap=HEAP):
        super().__init__(folder, heap)
        self._source = Path(source)

    @property
    def card(self):
        return f"{self.folder}/"

    def command(self, room):
        # Its data port is a constant; others on this machine may use it.
        text = (self._source / "uftpd.py").read_text()
        (room / "uftpd.py").write_text(text.replace("const(13333)", f"const({free_ports(1)})"))
        compiled(room / "uftpd.py", room / "mpy")
        return self.micropython("serve_uftpd", room / "mpy", self.port)


class Pyftpdlib(Server):
    """pyftpdlib on CPython, with sendfile."""

    name = "pyftpdlib"

    def command(self, room):
        script = Path(__file__).with_name("serve_pyftpdlib.py")
        return [sys.executable, script, self.port, self.folder, USER, PASSWORD]


class Blocking(Server):
    """No FTP: the interpreter's own limit."""

    name = "blocking loop"
    sessions = 0
    flash = "/flash/"

    def __init__(self, folder, heap=HEAP, buffer=BUFFER):
        super().__init__(folder, heap)
        self._buffer = buffer

    @property
    def card(self):
        return f"{self.folder}/"

    def command(self, room):
        image = room / "flash.img"
        prepare(image, bundle.tree_root())  # as full as Outpost's: LittleFS looks at all of it
        return self.micropython("serve_blocking", self.port, self._buffer, image)

    def client(self):
        return PlainClient(self.port)

    def answers(self):
        socket.create_connection(("127.0.0.1", self.port), 5).close()
