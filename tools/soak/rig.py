"""The rig of a soak: a board, its broker and its time server, under one clock that hurries."""

import contextlib
import json
import shutil
from pathlib import Path

from fixtures_mqtt import Mosquitto, Subscriber
from fixtures_sim import free_ftp_port
from fixtures_time import Chronyd
from outpost import bundle
from outpost.sim.clock import Haste, libfaketime
from outpost.sim.command import passive_range
from outpost.sim.desk import Board
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare
from soak.visitor import PASSWORD, USER

HOUR_S = 3600

# The user's application: says what hangs on the loop, as a leak of sockets would.
APP = """
import asyncio
from asyncio import core


async def run(status, events):
    section = status.section("app")
    while True:
        section["waiting"] = len(core._io_queue.map)
        await asyncio.sleep(10)
"""


class Rig:
    """Stands in a folder; everything runs within `with rig.running()`.

    rate: how many times as fast as the host's the clock runs. port: where the board serves FTP;
    certificate: the path of the one that it does so with, for clients. board, broker, subscriber:
    see Board, Mosquitto and Subscriber.
    """

    def __init__(self, folder, rate):
        if not libfaketime():
            raise RuntimeError("libfaketime is not installed (Debian package faketime)")
        self.port = free_ftp_port()
        self.broker = Mosquitto(folder, free_ftp_port())
        self.board = self.subscriber = None  # until it runs
        self._rate = rate
        self._chronyd = Chronyd(folder)
        self._flash = Path(folder) / "flash.img"
        self.certificate = self._flash.with_suffix(".pem")
        self._prepare()

    def _prepare(self):
        settings = {
            "ftp": {
                "port": self.port,
                "host": "127.0.0.1",
                "passive_ports": list(passive_range(self.port)),
                "users": {USER: {"password": PASSWORD, "role": "admin", "root": "/"}},
            },
            # A second of the board's is some milliseconds of the host's, which may be busy.
            "time": {"servers": [self._chronyd.address], "timeout_ms": 1000},
            "telemetry": {"broker": self.broker.url},
        }
        config = json.dumps({"name": "soak", "app": "soaked"})
        tree = bundle.tree_root()
        prepare(self._flash, tree, config=config, settings=settings, tls=True)
        with Flash(self._flash) as flash:
            flash.write("/soaked.py", APP.encode())

    @contextlib.contextmanager
    def running(self):
        """Start the clock and all that runs under it; stop it again."""
        self._clock = Haste(self._rate)
        self._began = self._clock.now()
        shift = [f"{name}={value}" for name, value in self._clock.variables().items()]
        self._chronyd.command = ["env", *shift, *self._chronyd.command]
        self.board = Board(self._flash, ftp_port=self.port, clock=self._clock)
        with contextlib.ExitStack() as stack:
            self._chronyd.start()
            stack.callback(self._chronyd.stop)
            self.broker.start()
            stack.callback(self.broker.stop)
            self.subscriber = Subscriber(self.broker)
            stack.callback(self.subscriber.stop)
            stack.enter_context(self.board)
            yield

    @property
    def now(self):
        """Seconds since 1970, by the board's clock."""
        return self._clock.now()

    @property
    def hour(self):
        """The hour of the day."""
        return (self.now - self._began) / HOUR_S

    def files(self):
        """path -> bytes of all files, read from a copy: the board may be running."""
        copy = self._flash.with_suffix(".copy")
        shutil.copy(self._flash, copy)
        with Flash(copy) as flash:
            return {path: len(flash.read(path) or b"") for path in flash.paths()}

    def descriptors(self):
        """(file descriptors, listening sockets) of the board's process."""
        pid = self.board.pid
        links = []
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                links.append(str(entry.readlink()))
            except FileNotFoundError:
                continue  # that of the listing itself
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return len(links), len([row for row in table if row[3] == "0A" and row[9] in inodes])
