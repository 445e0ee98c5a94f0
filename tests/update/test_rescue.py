"""Rescue mode and what leads there: FTP answers, whatever else is broken, and STAT says why.

The boards run at the same time: most of it is waiting for watchdogs.
"""

import concurrent.futures
import contextlib
import json
import time

import pytest
from archives import archive_with
from fixtures_sim import desk
from littlefs import LittleFSError
from outpost import bundle
from outpost.sim.clock import Haste, libfaketime
from outpost.sim.flash import Flash

HANGS = b"""
import asyncio, time

async def run(status, events):
    await asyncio.sleep_ms(300)
    while True:
        pass
"""
RESETS = b"""
import asyncio, machine

async def run(status, events):
    await asyncio.sleep_ms(300)
    machine.reset()
"""
SLEEPS = HANGS.replace(b"while True:\n        pass", b"time.sleep(60)")


def stat_of(board, patience=90):
    """What STAT says once the board is up; AssertionError."""
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError, EOFError), contextlib.closing(board.ftp()) as session:
            return session.sendcmd("STAT")
        assert time.monotonic() < deadline, board.console[-3000:]
        time.sleep(0.2)


@pytest.fixture(scope="module")
def power_up(tmp_path_factory):
    """Start a board whose flash was changed first: (files={}, remove=(), config={}) -> board."""
    folder = tmp_path_factory.mktemp("rescue")
    with desk(folder) as start:

        def up(files=None, remove=(), config=None, **options):
            board = start(resets_without_ready=30, **options)
            board.allow_traceback = True
            board.prove()
            board.kill()
            with Flash(board.flash) as flash:
                settings = json.loads(flash.read("/config.json")) | (config or {})
                flash.write("/config.json", json.dumps(settings).encode())
                for path in remove:
                    flash.remove(path)
                for path, content in (files or {}).items():
                    flash.write(path, content)
            board.start()
            return board

        yield up


@pytest.fixture(scope="module")
def bitten(power_up):
    """Three boards whose applications reset them again and again; up again in rescue mode."""
    apps = {"hangs": HANGS, "sleeps": SLEEPS, "resets": RESETS}
    boards = {}
    for name, app in apps.items():
        boards[name] = power_up({"/app.py": app}, config={"app": "app"})

    def rescued(board):
        board.wait_console("board/rescue", timeout=90)
        return stat_of(board)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        texts = dict(zip(boards, pool.map(rescued, boards.values()), strict=True))
    return {name: (boards[name], texts[name]) for name in boards}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs", "the watchdog (app)"),
        ("sleeps", "the watchdog (app)"),
        ("resets", "a reset that nobody asked for"),
    ],
)
def test_after_three_bad_boots_what_reaches_the_board_starts_alone(bitten, name, reason):
    board, stat = bitten[name]
    text = " ".join(" ".join(line[4:] for line in stat.splitlines()).split())

    assert "rescue reason 3 boots ended badly within a minute, the last by: " + reason in text
    # What hung is left out; what resets the board without a word may be anything but these.
    assert ("not started: the watchdog reset" if "(app)" in reason else "app off") in text
    for service in ("log", "network", "ftp", "time", "update"):
        assert f"{service} running" in text
    assert board.resets == 3


def test_who_hung_is_named_after_the_reset(bitten):
    for name in ("hangs", "sleeps"):
        board, stat = bitten[name]
        assert "hung in app" in stat
        assert 'board/hung error="app held the loop"' in board.console
    assert "hung in" not in bitten["resets"][1]


def test_a_fixed_version_gets_a_board_out_of_it(bitten):
    from update.conftest import Updater

    board, _ = bitten["resets"]
    updater = Updater(board)
    assert updater.status()["state"] == "rescue"
    assert "a reset that nobody asked for" in updater.status()["reason"]
    good = RESETS.replace(b"machine.reset()", b"await asyncio.sleep(1000)")
    updater.stage({"/app.py": good})
    assert updater.status()["to"] == "2.0"
    updater.apply()

    assert updater.wait_for("confirmed")["version"] == "2.0"
    stat = stat_of(board)
    assert "rescue" not in stat
    assert "app        running" in stat


def test_the_file_rescue_asks_for_it(power_up):
    board = power_up(
        {"/rescue": b""},
        config={"app": "nosuchapp", "telemetry": {"broker": "mqtt://127.0.0.1:1"}},
    )
    board.wait_ready()
    stat = stat_of(board)

    assert "rescue     reason the file /rescue is there: remove it and reboot" in stat
    assert "telemetry  running" in stat
    assert "app        off" in stat

    session = board.ftp()
    session.delete("/rescue")
    place = len(board.console)
    session.sendcmd("SITE shutdown -r")
    board.wait_console("board/boot", start=place)
    assert "rescue" not in stat_of(board)


@pytest.mark.skipif(not libfaketime(), reason="NOT TESTED: faketime is not installed")
@pytest.mark.timeout(240)
def test_rescue_mode_tells_why_by_mqtt_and_tries_a_normal_boot_more_and_more_rarely(
    power_up, mosquitto, subscriber
):
    broker = f"mqtt://{mosquitto.host}:{mosquitto.port}"
    board = power_up(
        {"/app.py": RESETS},
        config={"app": "app", "telemetry": {"broker": broker}, "watchdog": False},
        clock=Haste(100),
    )

    def rescued(times, hours):
        waits = {"retry_s": hours * 3600}
        deadline = time.monotonic() + 100
        while not (told := [m.json["rescue"] for m in subscriber.matching("/state")
                            if m.json.get("rescue", {}).items() >= waits.items()]):  # fmt: skip
            assert time.monotonic() < deadline, board.console[-3000:]
            time.sleep(0.1)
        assert "a reset that nobody asked for" in told[0]["reason"]
        assert board.console.count("board/rescue") == times

    rescued(1, 1)
    rescued(2, 2)
    assert board.resets == 3 + 1 + 3
    board.kill()  # its hurried clock takes the processor from those that follow


@pytest.mark.timeout(120)
def test_telemetry_is_left_out_where_rescue_mode_ends_badly_too(power_up, mosquitto):
    broker = f"mqtt://{mosquitto.host}:{mosquitto.port}"
    board = power_up(
        {"/boot.json": b'{"boots": 4, "bad": 4, "why": "the watchdog"}'},
        config={"telemetry": {"broker": broker}},
    )
    board.wait_ready()
    stat = " ".join(" ".join(line[4:] for line in stat_of(board).splitlines()).split())

    assert "4 boots ended badly within a minute, the last in rescue mode by: the watchdog" in stat
    assert "telemetry off" in stat


@pytest.fixture
def full(power_up):
    """A board without a free block."""

    def fill(files=None, **options):
        board = power_up(files, **options)
        board.wait_ready()
        board.kill()
        with Flash(board.flash) as flash:
            for power in range(22, 6, -1):
                with contextlib.suppress(OSError, LittleFSError):
                    flash.write(f"/filler{power}", b"x" * (1 << power))
                    flash.write(f"/filler{power}b", b"x" * (1 << power))
        board.start()
        return board

    return fill


def test_a_full_disk_keeps_nobody_from_ftp(full):
    board = full()
    board.wait_ready()
    session = board.ftp()

    assert "flash      free 0 B" in session.sendcmd("STAT")
    with contextlib.suppress(FileNotFoundError):
        for name in session.nlst("/"):
            if "filler" in name:
                session.delete(name)
    board.upload(session, "/again", b"x" * 5000)


def without(*paths):
    """What test_ftp_answers... takes: an archive without these modules."""
    return {bundle.ARCHIVE: archive_with(remove=paths)}, ()


@pytest.mark.parametrize(
    ("files", "remove"),
    [
        ({"/config.json": b"{"}, ()),
        ({"/config.json": b""}, ()),
        without("/lib/logging.mpy", "/lib/ntptime.mpy", "/lib/umqtt/simple.mpy"),
        without("/services_time_service.mpy"),
        without("/services_log_service.mpy", "/services_log_crash.mpy"),
        without("/services_network_service.mpy"),
        without("/services_update_service.mpy", "/services_update_trial.mpy"),
        ({}, ("/recovery.mpy",)),
        ({}, ("/journal.mpy",)),
        ({}, ("/resets.mpy",)),
        ({"/boot.json": b"\x00\xff{"}, ()),
        ({"/boot.json": b'{"update": {"state": "undoing"}, "boots": "x"}'}, ()),
        ({"/boot.json": b'{"update": {"state": "trial", "boots": []}, "bad": []}'}, ()),
        ({"/boot.json": b'{"update": {"state": "applying"}}', "/prev/plan": b"\xff\n"}, ()),
        ({"/boot.json": b'{"update": "?"}', "/next/manifest.json": b"\xff"}, ()),
    ],
)
def test_ftp_answers_whatever_was_broken_or_deleted(power_up, files, remove):
    board = power_up(files, remove)
    stat = stat_of(board)

    assert "ftp        running" in stat
    session = board.ftp()
    board.upload(session, "/proof")
