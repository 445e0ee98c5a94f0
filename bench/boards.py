"""Outpost under test: on the simulated board as it ships, and with a probe in its heap."""

import json
import re
import shutil
import socket
import time

from outpost import bundle
from outpost.sim import desk
from outpost.sim.boards import BOARDS
from outpost.sim.prepare import prepare

from bench.servers import (
    BUFFER,
    HEAP,
    PASSWORD,
    SCRIPTS,
    USER,
    Program,
    Server,
    ServerDied,
    free_ports,
    heapsize,
)

_PASSIVE_PORTS = 64


_FIRST_HEAP = 512  # KiB
NOBODY = "nobody"  # a broker that is not there


def outpost_config(port, broker=NOBODY, **ftp):
    """config.json as an object: all services, one of them with these FTP settings.

    broker: a URL, NOBODY, or None for no telemetry.
    """
    if broker == NOBODY:
        broker = f"mqtt://127.0.0.1:{free_ports(1)}"
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
        "telemetry": {"broker": broker},
    }


# Beside its peers, on their interpreter, and without a board's bounds.
DESK = BOARDS["desk"]


class Outpost(Server):
    """Outpost as it ships, on the simulated board: all services, .mpy on LittleFS.

    certificate: where FTPS is to be measured. broker: as outpost_config() takes it. options: more
    of desk.Board's.
    """

    name = "Outpost"
    card = "/sd/"
    flash = "/"

    def __init__(
        self, folder, heap=HEAP, buffer=BUFFER, certificate=None, broker=NOBODY, **options
    ):
        super().__init__(folder, heap)
        self._broker = broker
        self._options = {"clock": "real"} | options
        self._buffer = buffer
        self._certificate = certificate
        self._board = None
        self.secure = certificate is not None

    def start(self, room):
        """Prepare the flash, start the board, wait until its boot is over."""
        image = room / "flash.img"
        tls = {"tls": self._certificate.settings} if self.secure else {}
        config = json.dumps(self._config(buffer=self._buffer, **tls))
        prepare(image, bundle.tree_root(), board=DESK, config=config)
        if self.secure:
            self._certificate.put_on(image)
        # The host's clock: libfaketime would tax every look at the time.
        self._board = desk.Board(
            image,
            ftp_port=self.port,
            profile=DESK,
            bits=64,
            heap=heapsize(self.heap, 64),
            mounts=[(self.folder, "/sd")],
            **self._options,
        )
        try:
            self._board.start()
            self._board.wait_ready(self.start_s)
        except desk.BoardFailed as error:
            raise ServerDied(f"{self.name} does not serve: {error}") from None
        self._settle()

    def _config(self, **ftp):
        """config.json as an object."""
        return outpost_config(self.port, self._broker, **ftp)

    def stop(self):
        """Turn the board off."""
        if self._board and self._board.state == "running":
            self._board.stop()

    def _settle(self):
        """Let the boot be over: a user's first login pays for PBKDF2, the first second for NTP,
        the broker, and counting the flash's free blocks."""
        deadline = time.monotonic() + self.start_s
        with self.client() as connection:
            while not re.search(r"uptime (?!0:00:0[01]\b)", connection.ftp.sendcmd("STAT")):
                if time.monotonic() > deadline:
                    raise ServerDied(f"STAT shows no uptime of 2 s:\n{self.printed()[-2000:]}")
                time.sleep(0.1)

    @property
    def pid(self):
        """Process id of the interpreter."""
        return self._board.pid

    def printed(self):
        """What the board has printed so far."""
        return self._board.console


class FtpAlone(Outpost):
    """The same with FTP as the only service, as the peers are: nothing logs, nothing publishes.

    The log is there and silent: without it every event would be printed on the console.
    """

    name = "Outpost, FTP alone"
    measures = ("small_files", "commands", "listings")

    def _config(self, **ftp):
        others = dict.fromkeys(("network", "time", "update", "telemetry"))
        silent = {"level": "CRITICAL", "path": None}
        return {**super()._config(**ftp), **others, "log": silent}


class ProbedOutpost(Program):
    """Outpost with a probe in it, as .mpy in the plain 32-bit interpreter on folders of the host.

    services: names, when only those are to run; by default main.py runs with all of them.
    firmware: an interpreter with Outpost frozen into it, to be used without any module's file.
    broker: as outpost_config() takes it. ftp: more settings of that section.
    """

    name = "Outpost"
    card = "/sd/"
    bits = 32

    def __init__(self, folder, heap=HEAP, services=(), firmware=None, broker=NOBODY, **ftp):
        super().__init__(folder, heap)
        self._broker = broker
        self._services = services
        self._ftp = ftp
        self._frozen = firmware

    def interpreter(self):
        return [self._frozen] if self._frozen else super().interpreter()

    def answers(self):
        """Wait for the greeting alone: a login would bring modules that nobody at rest needs."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            if not sock.recv(1):
                raise OSError("closed before its greeting")

    def command(self, room):
        root = room / "root"
        (root / "sd").mkdir(parents=True)
        if not self._frozen:
            write_bundle(root)
        shutil.copy(SCRIPTS / "some.py", root)
        config = outpost_config(self.port, self._broker, **self._ftp)
        if self._services:  # a section of no service would be named as a problem
            config = {key: config[key] for key in ("name", "ftp")}
        (root / "config.json").write_text(json.dumps(config))
        if not self._frozen:
            self._boot_once(room, root)
        return self.micropython("serve_outpost", root, self.folder, *self._services)

    def _boot_once(self, room, root):
        """A first boot in a roomy heap: what config.json comes to is on flash, and proven.

        Boards boot for the first time once; what is measured is all the other times.
        """
        heap, self.heap = self.heap, _FIRST_HEAP
        command = self.micropython("serve_outpost", root, self.folder, *self._services)
        self.heap = heap
        process = self.launch(command, room)
        try:
            deadline = time.monotonic() + self.start_s
            while not (root / "config.ready").exists():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise ServerDied(f"{self.name}'s first boot:\n{self.printed()[-2000:]}")
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        shutil.copy(root / "config.json", root / "config.last")  # it has proven itself


def write_bundle(root, source=False, level=None):
    """Write the device code into a folder of the host, as .mpy or .py.

    level: of mpy-cross -O, in place of the bundle's own.
    """
    for file in bundle.device_files(bundle.tree_root(), source=source or level is not None):
        place = root / file.path.lstrip("/")
        content = file.content
        if level is not None and place.name not in bundle.SOURCE_ONLY:
            content = bundle.compiled(
                content, file.path.lstrip("/"), bundle.tree_root() / "build/mpy", level
            )
            place = place.with_suffix(".mpy")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
