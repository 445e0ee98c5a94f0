"""A day of a board, in minutes: transfers, logins, reboots, a broker that comes and goes.

Board and time server run under one clock that hurries (outpost.sim.clock.Haste): all intervals
are those that Outpost ships with, and 24 hours of them go by. What the day consists of is spread
evenly over it; the first and the last third are one life of the board each, and the reboots fall
into the middle.
"""

import json
import shutil
import time
from dataclasses import dataclass, field
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
from soak.visitor import PASSWORD, USER, Visitor

HOUR_S = 3600
_PATIENCE_S = 60  # of the host's time, for what the board does in its own time
_REST_S = 75  # of the board's: after 60 without anybody rare commands have gone
_BROKER_AWAY_S = 300  # of the board's
_LISTEN_EVERY_S = 0.1  # of the host's: a message is dated when it is read
_SECURE_EVERY, _CURL_EVERY, _TROUBLE_EVERY = 20, 50, 25  # sessions

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


@dataclass(frozen=True)
class Plan:
    """What a day holds. rate: how many times as fast as the host's the board's clock runs."""

    hours: float = 24
    rate: int = 72
    transfers: int = 10_000
    logins: int = 1_000
    reboots: int = 50
    broker_restarts: int = 12


def day_of(hours):
    """The Plan of so many hours, as busy as a whole day."""
    share = hours / 24
    return Plan(
        hours=hours,
        transfers=round(10_000 * share),
        logins=round(1_000 * share),
        reboots=round(50 * share),
        broker_restarts=round(12 * share),
    )


SHORT = Plan(hours=0.4, rate=60, transfers=150, logins=15, reboots=2, broker_restarts=1)


@dataclass
class Rest:
    """A board at rest, nobody logged in: free heap in bytes, descriptors, listeners, and

    what waits on the loop's poll; free flash in bytes. hour: of the day.
    """

    hour: float
    heap: int
    descriptors: int
    listeners: int
    waiting: int
    flash: int


@dataclass
class Life:
    """From one boot to the next: hour of the day it began, and at rest early and late in it."""

    began: float
    early: Rest = None
    late: Rest = None
    programs: int = 0
    erases: int = 0


@dataclass
class Outcome:
    """What a day came to. heap: (hour, free bytes, sessions) of each state that telemetry told."""

    plan: Plan
    wall_s: float = 0
    hours: float = 0
    transfers: int = 0
    logins: int = 0
    late: int = 0
    aborted: int = 0
    wrong_passwords: int = 0
    syncs: int = 0
    failed_syncs: int = 0
    broker_restarts: int = 0
    connections: int = 0  # to the broker
    states: int = 0
    events: int = 0
    uncounted: int = 0  # transfers that the board's own count has not, or has beyond
    wrong: list = field(default_factory=list)
    crashes: list = field(default_factory=list)
    lives: list = field(default_factory=list)
    heap: list = field(default_factory=list)
    files_before: dict = field(default_factory=dict)  # path -> bytes
    files_after: dict = field(default_factory=dict)


class Day:
    """One day on a board whose files lie in folder; say(line) is told how it goes."""

    def __init__(self, folder, plan, say=print):
        if not libfaketime():
            raise RuntimeError("libfaketime is not installed (Debian package faketime)")
        self.plan = plan
        self.outcome = Outcome(plan)
        self._say = say
        self._haste = None
        self._chronyd = Chronyd(folder)
        self._chrony = self._chronyd.command
        self._mosquitto = Mosquitto(folder, free_ftp_port())
        self._flash = Path(folder) / "flash.img"
        port = free_ftp_port()
        self._prepare(port)
        self._board = None
        self._subscriber = None
        self._port = port
        self._visitor = Visitor(port, self._flash.with_suffix(".pem"))
        self._read = 0  # messages of the subscriber that were looked at
        self._state = None  # the last that telemetry told

    def _prepare(self, port):
        settings = {
            "ftp": {
                "port": port,
                "host": "127.0.0.1",
                "passive_ports": list(passive_range(port)),
                "users": {USER: {"password": PASSWORD, "role": "admin", "root": "/"}},
            },
            # A second of the board's is some milliseconds of the host's, which may be busy.
            "time": {"servers": [self._chronyd.address], "timeout_ms": 1000},
            "telemetry": {"broker": self._mosquitto.url},
        }
        config = json.dumps({"name": "soak", "app": "soaked"})
        tree = bundle.tree_root()
        prepare(self._flash, tree, config=config, settings=settings, tls=True)
        with Flash(self._flash) as flash:
            flash.write("/soaked.py", APP.encode())

    def run(self):
        """Live through it and return the Outcome; AssertionError where the board gave up."""
        began = time.monotonic()
        self._haste = Haste(self.plan.rate)
        shift = [f"{name}={value}" for name, value in self._haste.variables().items()]
        self._chronyd.command = ["env", *shift, *self._chrony]
        self._chronyd.start()
        self._mosquitto.start()
        self._subscriber = Subscriber(self._mosquitto)
        self._since = self._haste.now()
        self._board = Board(self._flash, ftp_port=self._port, clock=self._haste)
        try:
            self._board.start()
            self._board.wait_ready()
            self._live()
        except BaseException:
            self._say(self._board.console[-8000:])
            raise
        finally:
            if self._board.state == "running":
                self._board.stop()
            self._subscriber.stop()
            self._mosquitto.stop()
            self._chronyd.stop()
        self._end_of_life()
        self.outcome.files_after = self._files()
        self.outcome.wall_s = time.monotonic() - began
        self._conclude()
        return self.outcome

    def _live(self):
        plan = self.plan
        self._begin_life()
        # The first life's accounts and config.last come with its first boot: files from here on.
        self._visitor.clean_up()
        self._reboot_for(self._note_files)
        sessions = plan.logins
        reboots = _spread(plan.reboots - 1, sessions // 3, 2 * sessions // 3)
        restarts = _spread(plan.broker_restarts, 0, sessions)
        done = 0
        for number in range(sessions):
            self._wait_until(number / sessions * plan.hours)
            share = (number + 1) * plan.transfers // sessions
            self._session(number, share - done)
            done = share
            for _ in range(restarts.count(number)):
                self._restart_broker()
            for _ in range(reboots.count(number)):
                self._reboot_for()
            self._listen()
            if number % max(1, sessions // 40) == 0:
                self._tell()
        self._visitor.check_all()
        self._visitor.clean_up()
        self._wait_until(plan.hours)
        self._lives[-1].late = self._rest()
        self._count_transfers()

    @property
    def _lives(self):
        return self.outcome.lives

    def _session(self, number, transfers):
        visitor = self._visitor
        if number % _CURL_EVERY == _CURL_EVERY // 2 and transfers > 2:
            visitor.curl()
            transfers -= 2
        if number % _TROUBLE_EVERY == 1:
            visitor.mistype()
            visitor.die_in_an_upload()
        visitor.visit(max(0, transfers), secure=number % _SECURE_EVERY == 2)

    def _begin_life(self):
        life = Life(self._hour())
        self._lives.append(life)
        self._told = self._visitor.transfers
        self._visitor.look_round()

    def _rest(self):
        """Let the board rest with nobody logged in; return what it then holds."""
        self._sleep(_REST_S)
        known = self.outcome.states
        deadline = time.monotonic() + _PATIENCE_S
        while self.outcome.states == known or self._state["ftp"]["sessions"]:
            assert time.monotonic() < deadline, f"no state came:\n{self._board.console[-2000:]}"
            time.sleep(0.05)
            self._listen()
        state = self._state
        descriptors, listeners = _descriptors(self._board.pid)
        return Rest(
            self._hour(),
            state["heap"]["free_bytes"],
            descriptors,
            listeners,
            state["app"]["waiting"],
            state["flash"]["free_bytes"],
        )

    def _reboot_for(self, between=None):
        """Reboot with SITE shutdown -r; the life that ends, and the next one, are looked at."""
        self._lives[-1].late = self._rest()
        self._count_transfers()
        board = self._board
        resets = board.resets
        self._visitor.reboot()
        deadline = time.monotonic() + _PATIENCE_S
        while not (board.resets > resets and board.ready):
            assert board.state == "running", board.reason
            assert time.monotonic() < deadline, board.console[-2000:]
            time.sleep(0.02)
        self._end_of_life()
        if between:
            between()
        self._begin_life()
        if len(self._lives) in (2, self.plan.reboots + 1):
            self._lives[-1].early = self._rest()

    def _end_of_life(self):
        self._lives[-1].programs = self._board.programs
        self._lives[-1].erases = self._board.erases

    def _note_files(self):
        self.outcome.files_before = self._files()

    def _files(self):
        """path -> bytes of all files, read from a copy: the board may be running."""
        copy = self._flash.with_suffix(".copy")
        shutil.copy(self._flash, copy)
        with Flash(copy) as flash:
            return {path: len(flash.read(path) or b"") for path in flash.paths()}

    def _count_transfers(self):
        counted = self._visitor.transfers_counted()
        self.outcome.uncounted += abs(counted - (self._visitor.transfers - self._told))

    def _restart_broker(self):
        self._mosquitto.stop()
        self._sleep(_BROKER_AWAY_S)
        self._mosquitto.start()
        self.outcome.broker_restarts += 1

    def _listen(self):
        """Take in what the broker has passed on since the last time."""
        messages = self._subscriber.messages
        while self._read < len(messages):
            message = messages[self._read]
            messages[self._read] = None  # a day of them is much
            self._read += 1
            topic = message.topic.partition("/")[2].partition("/")[2]
            if topic == "state":
                self._state = state = message.json
                self.outcome.states += 1
                if "heap" in state:
                    point = self._hour(), state["heap"]["free_bytes"], state["ftp"]["sessions"]
                    self.outcome.heap.append(point)
            elif topic.startswith("event/"):
                self.outcome.events += 1
                if topic in ("event/task/crash", "event/service/restart"):
                    self.outcome.crashes.append(message.json)

    def _wait_until(self, hour):
        self._sleep((hour - self._hour()) * HOUR_S)

    def _sleep(self, seconds):
        """Sleep so many of the board's seconds."""
        until = self._haste.now() + seconds
        while (left := until - self._haste.now()) > 0:
            time.sleep(min(left / self.plan.rate, _LISTEN_EVERY_S))
            self._listen()

    def _hour(self):
        return (self._haste.now() - self._since) / HOUR_S

    def _conclude(self):
        outcome, visitor = self.outcome, self._visitor
        outcome.hours = self._hour()
        for name in ("transfers", "logins", "late", "aborted", "wrong_passwords", "wrong"):
            setattr(outcome, name, getattr(visitor, name))
        # From the console, which has them all: telemetry doesn't forward them.
        outcome.syncs = self._board.console.count(" time/sync ")
        outcome.failed_syncs = self._board.console.count(" time/failed ")
        outcome.connections = self._board.console.count(" telemetry/up ")

    def _tell(self):
        visitor = self._visitor
        free = self.outcome.heap[-1][1] if self.outcome.heap else 0
        self._say(
            f"{self._hour():5.1f} h: {visitor.transfers:,} transfers, {visitor.logins:,} logins, "
            f"{self._board.resets} reboots, {self.outcome.broker_restarts} broker restarts, "
            f"{free:,} bytes of heap free"
        )


def _spread(count, first, end):
    """So many numbers from first up to end, evenly."""
    return [first + (end - first) * (2 * n + 1) // (2 * count) for n in range(count)]


def _descriptors(pid):
    """(file descriptors, listening sockets) of a process."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # that of the listing itself
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return len(links), len([row for row in table if row[3] == "0A" and row[9] in inodes])
