"""Clocks: ticks that wrap and a clock that is set move no limit and end nothing too early."""

import calendar
import contextlib
import re
import threading
import time

import pytest
from outpost.sim.clock import libfaketime

# Boards count milliseconds in 30 bits and start again after 12.4 days: here 12 s after power-on.
# asyncio, whose own ticks wrap in C, keeps the port's; everything of Outpost's has these.
PERIOD = 1 << 30
TIME = """
from utime import *
from utime import ticks_ms as _now
import asyncio
from asyncio import core

_start = _now()
_BEFORE = 12_000


def ticks_ms():
    return (_now() - _start - _BEFORE) & 0x3FFFFFFF


def ticks_add(ticks, delta):
    return (ticks + delta) & 0x3FFFFFFF


def ticks_diff(end, start):
    return ((end - start + 0x20000000) & 0x3FFFFFFF) - 0x20000000
"""


@pytest.fixture(scope="module")
def wrapping_board(power_up_watched):
    return power_up_watched(files={"/time.py": TIME})


def _ticks(session):
    return int(re.search(r"\bticks (\d+)", session.ask("STAT").text)[1])


class Trickle:
    """An upload of a byte every 0.2 s, until finish()."""

    def __init__(self, session, path):
        self.sent = 0
        self._session = session
        self._sock = session.begin(f"STOR {path}")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._over.wait(0.2):
            self._sock.sendall(b".")
            self.sent += 1

    def finish(self):
        """End it: the reply."""
        self._over.set()
        self._thread.join()
        self._sock.close()
        return self._session.reply()


@pytest.fixture
def trickle():
    """Begin uploads that are ended with the test: (session, path) -> Trickle."""
    begun = []

    def begin(session, path):
        begun.append(Trickle(session, path))
        return begun[-1]

    yield begin
    for one in begun:
        one._over.set()


def test_limits_and_transfers_run_on_when_ticks_wrap(
    wrapping_board, connect, bystander, wait_for, trickle
):
    board = wrapping_board
    control = connect(to=board)
    assert _ticks(control) > PERIOD // 2, "the ticks have wrapped before the test began"
    with bystander(board), contextlib.ExitStack() as stack:
        wait_for(lambda: _ticks(control) > PERIOD - 2_500, "the last seconds before the wrap")
        uptime = _uptime(control)
        opened = time.monotonic()
        moving, stalled, idle, stranger, guesser = (
            stack.enter_context(contextlib.closing(connect(user, to=board)))
            for user in ("admin", "admin", "admin", None, None)
        )
        stalled.begin("STOR /half").sendall(b"half")
        upload = trickle(moving, "/slow")
        guesser.ask("USER admin")
        assert guesser.ask("PASS wrong").code == 530
        assert _ticks(control) > PERIOD // 2, "too slow: the ticks have wrapped already"

        assert stranger.reply().code == 421
        assert 4 < time.monotonic() - opened < 8
        assert _ticks(control) < PERIOD // 2, "the ticks have not wrapped"
        reply = stalled.reply()
        assert (reply.code, "No data moved" in reply.text) == (426, True)
        assert 4 < time.monotonic() - opened < 9
        assert control.ask("NOOP").code == 200
        assert idle.reply().code == 421
        assert 9 < time.monotonic() - opened < 14
        assert upload.finish().code == 226
        lasted = time.monotonic() - opened
        assert len(moving.get("/slow")) == upload.sent > 20
        ms = wait_for(lambda: _stored(board, "/slow"), "the log's line of it")[-1]
        assert abs(ms / 1000 - lasted) < 2, "how long it took, as the event tells it"
        assert abs(_uptime(control) - uptime - lasted) < 2


YEARS_S = 30 * 365 * 86400
# Not before 2000, which an ESP32 does not know.
STEPS = [YEARS_S, -YEARS_S + 40, 3600, -3600, 7, -5]


def test_a_clock_that_is_set_ends_nothing_and_makes_nothing_last_longer(
    power_up_watched, connect, bystander, wait_for, trickle, set_clock
):
    """NTP sets it, or an operator: forward and back, by years and by seconds."""
    if not libfaketime():
        pytest.skip("NOT TESTED: libfaketime is not installed (Debian package faketime)")
    board = power_up_watched(clock="2000")
    with bystander(board), contextlib.ExitStack() as stack:
        control, moving, stalled, idle = (
            stack.enter_context(contextlib.closing(connect(to=board))) for _ in range(4)
        )
        uptime = _uptime(control)
        began = time.monotonic()
        stalled.begin("STOR /half").sendall(b"half")
        upload = trickle(moving, "/slow")
        for step in STEPS:
            was = _clock(control)
            set_clock(board, step)
            assert abs(_clock(control) - was - step) < 5, "the clock was not set"
            assert control.ask("MKD /x").code == 257
            assert control.ask("RMD /x").code == 250
            assert control.store("STOR /quick", b"quick").code == 226
        reply = stalled.reply()
        assert (reply.code, "No data moved" in reply.text) == (426, True)
        assert 4 < time.monotonic() - began < 9
        assert control.ask("NOOP").code == 200, "or it would be idle next"
        assert idle.reply().code == 421
        assert 9 < time.monotonic() - began < 14
        assert upload.finish().code == 226
        lasted = time.monotonic() - began
        assert len(moving.get("/slow")) == upload.sent > 20
        ms = wait_for(lambda: _stored(board, "/slow"), "the log's line of it")[-1]
        assert abs(ms / 1000 - lasted) < 2, "how long it took, as the event tells it"
        assert max(_stored(board, "/quick")) < 1000
        assert abs(_uptime(control) - uptime - lasted) < 2
        for path in ("/slow", "/quick"):
            assert control.ask(f"DELE {path}").code == 250


def _clock(session):
    """The board's clock in seconds, as a new file's time tells it."""
    assert session.store("STOR /stamp", b"").code == 226
    stamp = session.ask("MDTM /stamp").text[4:18]
    assert session.ask("DELE /stamp").code == 250
    return calendar.timegm(time.strptime(stamp, "%Y%m%d%H%M%S"))


def _uptime(session):
    """Seconds, as STAT has them."""
    found = re.search(r"\buptime (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)", session.ask("STAT").text)
    assert found, session.ask("STAT").text
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _stored(board, path):
    """How many milliseconds each upload of path took, as the log on the console tells it."""
    line = rf"event_type=stored ms=(\d+) ok=true path={path} "
    return [int(ms) for ms in re.findall(line, board.console)]
