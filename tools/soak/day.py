"""A day of a board, in minutes: transfers, logins, reboots, a broker that comes and goes.

Board and time server run under one clock that hurries (outpost.sim.clock.Haste): all intervals
are those that Outpost ships with, and 24 hours of them go by. What the day consists of is spread
evenly over it; the first and the last third are one life of the board each, and the reboots fall
into the middle.
"""

import time

from soak.listener import Listener
from soak.outcome import Life, Outcome, Rest
from soak.rig import HOUR_S, Rig
from soak.visitor import Visitor

_PATIENCE_S = 60  # of the host's time, for what the board does in its own time
_REST_S = 75  # of the board's: after 60 without anybody rare commands have gone
_BROKER_AWAY_S = 300  # of the board's
_LISTEN_EVERY_S = 0.1  # of the host's: a message is dated when it is read
_SECURE_EVERY, _CURL_EVERY, _TROUBLE_EVERY = 20, 50, 25  # sessions


class Day:
    """One day on a board whose files lie in folder; say(line) is told how it goes."""

    def __init__(self, folder, plan, say=print):
        self.plan = plan
        self.outcome = Outcome(plan)
        self._say = say
        self._rig = Rig(folder, plan.rate)
        self._listener = Listener(self._rig, self.outcome)
        self._visitor = Visitor(self._rig.port, self._rig.certificate)
        self._told = 0  # transfers of the visitor when the board began to count

    def run(self):
        """Live through it and return the Outcome; AssertionError where the board gave up."""
        began = time.monotonic()
        with self._rig.running():
            try:
                self._rig.board.wait_ready()
                self._live()
            except BaseException:
                self._say(self._rig.board.console[-8000:])
                raise
        self._end_of_life()
        self.outcome.files_after = self._rig.files()
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
            self._listener.listen()
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
        life = Life(self._rig.hour)
        self._lives.append(life)
        self._told = self._visitor.transfers
        self._visitor.look_round()

    def _rest(self):
        """Let the board rest with nobody logged in; return what it then holds."""
        self._sleep(_REST_S)
        known = self.outcome.states
        deadline = time.monotonic() + _PATIENCE_S
        while self.outcome.states == known or self._listener.state["ftp"]["sessions"]:
            console = self._rig.board.console
            assert time.monotonic() < deadline, f"no state came:\n{console[-2000:]}"
            time.sleep(0.05)
            self._listener.listen()
        state = self._listener.state
        descriptors, listeners = self._rig.descriptors()
        return Rest(
            self._rig.hour,
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
        board = self._rig.board
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
        self._lives[-1].programs = self._rig.board.programs
        self._lives[-1].erases = self._rig.board.erases

    def _note_files(self):
        self.outcome.files_before = self._rig.files()

    def _count_transfers(self):
        counted = self._visitor.transfers_counted()
        self.outcome.uncounted += abs(counted - (self._visitor.transfers - self._told))

    def _restart_broker(self):
        self._rig.broker.stop()
        self._sleep(_BROKER_AWAY_S)
        self._rig.broker.start()
        self.outcome.broker_restarts += 1

    def _wait_until(self, hour):
        self._sleep((hour - self._rig.hour) * HOUR_S)

    def _sleep(self, seconds):
        """Sleep so many of the board's seconds."""
        until = self._rig.now + seconds
        while (left := until - self._rig.now) > 0:
            time.sleep(min(left / self.plan.rate, _LISTEN_EVERY_S))
            self._listener.listen()

    def _conclude(self):
        outcome, visitor = self.outcome, self._visitor
        outcome.hours = self._rig.hour
        for name in ("transfers", "logins", "late", "aborted", "wrong_passwords", "wrong"):
            setattr(outcome, name, getattr(visitor, name))
        # From the console, which has them all: telemetry doesn't forward them.
        outcome.syncs = self._rig.board.console.count(" time/sync ")
        outcome.failed_syncs = self._rig.board.console.count(" time/failed ")
        outcome.connections = self._rig.board.console.count(" telemetry/up ")

    def _tell(self):
        visitor = self._visitor
        hour = self._rig.hour
        free = self.outcome.heap[-1][1] if self.outcome.heap else 0
        self._say(
            f"{hour:5.1f} h: {visitor.transfers:,} transfers, {visitor.logins:,} logins, "
            f"{self._rig.board.resets} reboots, {self.outcome.broker_restarts} broker restarts, "
            f"{free:,} bytes of heap free"
        )


def _spread(count, first, end):
    """So many numbers from first up to end, evenly."""
    return [first + (end - first) * (2 * n + 1) // (2 * count) for n in range(count)]
