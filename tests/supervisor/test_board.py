"""The supervisor on a whole board: broken services and applications leave FTP up."""

import json
import re
import time

import pytest
from archives import archive_with
from outpost import bundle
from outpost.sim.flash import Flash


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("/services_time_service", "import nosuchmodule", "ImportError"),
        ("/services_time_service", "raise SyntaxError", "SyntaxError"),
        ("/services_log_service", "1 // 0", "ZeroDivisionError"),
        ("/services_network_service", "raise MemoryError('full')", "MemoryError"),
    ],
)
def test_a_service_that_cannot_be_imported_is_reported_and_the_rest_run(change, path, text, says):
    board = change({bundle.ARCHIVE: archive_with({path: text})})

    stat = board.stat(board.works())
    name = path.split("_")[1]
    assert f"211-{name:10} failed, error {says}" in stat
    assert "211-ftp        running" in stat


# Only an application writes records: without one nothing needs logging.
APP_THAT_WAITS = """
import asyncio

async def run(status, events):
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("async def run(status, events):\n    sys.exit(3)", "SystemExit: 3"),
        ("sys.exit(4)", "SystemExit: 4"),
        ("async def run(status, events):\n    raise asyncio.CancelledError", "CancelledError"),
        ("class Odd(BaseException):\n    pass\nraise Odd('5')", "Odd: 5"),
    ],
)
def test_an_application_that_ends_in_an_odd_way_begins_again_and_ftp_stays(change, text, says):
    board = change({"/app.py": f"import asyncio, sys\n{text}\n"}, app="app")

    session = board.works()
    deadline = time.monotonic() + 20
    while f"error {says}" not in (stat := board.stat(session)):
        assert time.monotonic() < deadline, stat
        time.sleep(0.2)
    assert "211-ftp        running" in stat
    assert board.state == "running"


ODD_HANDLER = """
import asyncio, sys

class Odd(BaseException):
    pass

async def run(status, events):
    def hear(topic, fields):
        if topic in ("ftp/login", "ftp/transfer"):
            {}
    events.subscribe(hear)
    events.subscribe(print)
    events.unsubscribe(print)
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize(
    ("raises", "says"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("raise asyncio.CancelledError", "CancelledError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise Odd(5)", "Odd: 5"),
        ("1 / 0", "ZeroDivisionError: divide by zero"),
    ],
)
def test_whatever_its_handler_of_events_raises_a_client_logs_in_and_stores(change, raises, says):
    board = change({"/app.py": ODD_HANDLER.format(raises)}, app="app")

    session = board.works()
    stat = board.stat(session)

    assert f"! app: {says}" in stat, stat
    assert f"problem {says}" in stat, stat
    deadline = time.monotonic() + 10
    while not re.search(r"lost events [1-9]", stat):
        assert time.monotonic() < deadline, stat
        time.sleep(0.2)
        stat = board.stat(session)
    assert board.state == "running"
    assert board.resets == 0
    assert "board/stop {" not in board.console, "the application's handlers alone are its own"


# What has no form in JSON, in a section and in an event; a line end that would forge a reply.
ODD = r"""
import asyncio

async def run(status, events):
    ring = []
    ring.append(ring)
    odd = {"nan": float("nan"), "inf": -float("inf"), "raw": b"\xff\r\n", "ring": ring,
           "long": "x" * 10000, "forged": "a\r\n226 done\r\n", "big": 1 << 4000,
           "call": run, "half": chr(0xD83D) + "x", "fine": 21.5}
    mine = status.section("app")
    mine.update(odd)
    mine[5] = 5
    mine["loop"] = mine
    mine["state"] = b"mine"
    mine["gone"] = 1
    status.section("probe").update(odd)
    events.publish("app/odd", **odd)
    await asyncio.sleep(1)
    del mine["gone"]
    events.publish("app/done\r\n", fine=1)
    await asyncio.Event().wait()
"""


def test_whatever_an_application_writes_leaves_stat_site_and_the_log_valid(change):
    def refuse(word):
        raise AssertionError(word)

    board = change({"/app.py": ODD}, app="app")
    start = board.wait_console("app/odd", timeout=20)
    board.wait_console("app/done", timeout=20, start=start)
    session = board.works()

    lines = session.sendcmd("SITE status").splitlines()
    sections = {}
    for line in lines:
        if "{" in line:
            text = line[line.index("{") :]
            sections.update(json.loads(text, parse_constant=refuse))
    for name in ("app", "probe"):
        found = sections[name]
        assert (found["nan"], found["inf"], found["big"], found["fine"]) == (
            None,
            None,
            None,
            21.5,
        )
        assert found["ring"] == [["(list)"]]
        assert found["long"] == "x" * 200 + "..."
        assert found["forged"] == "a  226 done  "
        assert found["call"].startswith("(")
        assert isinstance(found["raw"], str)
        assert found["half"] == " x", "half of a pair is no UTF-8"
    assert sections["app"]["5"] == 5
    assert sections["app"]["state"] == "running"
    assert "gone" not in sections["app"]
    stat = board.stat(session).splitlines()
    assert stat[-1].startswith("211 ")
    assert all(line.startswith(("211", " ")) for line in stat), stat
    event = next(line for line in board.console.splitlines() if " app/odd " in line)
    assert "fine=21.5" in event
    assert len(event) < 1000


@pytest.mark.parametrize("package", ["logging", "ntptime"])
def test_a_missing_package_costs_its_service_alone(change, package):
    archive = archive_with(remove=[f"/lib/{package}.mpy"])
    board = change({"/app.py": APP_THAT_WAITS, bundle.ARCHIVE: archive}, app="app")

    stat = board.stat(board.works())
    name = {"logging": "log", "ntptime": "time"}[package]
    assert f"211-{name:10} failed" in stat
    assert package in stat


APP_THAT_CRASHES = """
import asyncio

async def run(status, events):
    await asyncio.sleep_ms(50)
    status.section("app")["readings"] = 7
    raise RuntimeError("sensor gone")
"""


def test_an_application_that_crashes_is_restarted_and_ftp_stays_up(change):
    board = change({"/app.py": APP_THAT_CRASHES}, app="app")
    board.wait_console("sensor gone")
    board.wait_console("failures=2", timeout=15)

    stat = board.stat(board.works())
    assert "RuntimeError: sensor gone" in stat
    assert "readings 7" in stat
    assert board.resets == 0


def test_an_application_that_does_not_exist_leaves_ftp_up(change):
    board = change({}, app="nosuchapp")
    board.wait_console("nosuchapp")

    assert "nosuchapp" in board.stat(board.works())


def test_an_application_that_runs_sees_events_and_is_cleaned_up(change):
    text = """
import asyncio

async def run(status, events):
    events.subscribe(lambda topic, fields: topic == "ftp/login" and print("APP SAW", topic))
    try:
        await asyncio.sleep(1000)
    finally:
        print("APP CLEANED UP")
"""
    board = change({"/app.py": text}, app="app")
    board.works().close()

    board.wait_console("APP SAW ftp/login")
    assert board.stop() == "stopped"
    assert "APP CLEANED UP" in board.console


def test_an_application_that_hogs_the_loop_is_named_and_bitten(change):
    text = """
import asyncio, time

async def run(status, events):
    await asyncio.sleep(1)
    print("APP HOGS")
    time.sleep(60)
"""
    board = change({"/app.py": text}, app="app")
    board.wait_console("APP HOGS")
    place = len(board.console)

    board.wait_console("board/boot", timeout=15, start=place)
    board.wait_ready()
    assert board.resets >= 1
    assert "reset cause watchdog" in board.stat(board.ftp())


def test_uptime_does_not_jump_when_the_clock_is_set(change):
    text = """
import asyncio, machine

async def run(status, events):
    await asyncio.sleep_ms(1500)
    machine.RTC().datetime((2030, 3, 17, 6, 17, 46, 40, 0))
    print("APP SET THE CLOCK")
    await asyncio.sleep(1000)
"""
    board = change({"/app.py": text}, app="app", clock="2000")
    board.wait_console("APP SET THE CLOCK")

    answer = board.ftp().sendcmd("SITE uptime")

    assert re.fullmatch(r"211 2030-03-17 \d\d:\d\d up 0:00:\d\d, \d users?", answer)


HOGS_FOR_A_WHILE = """
import asyncio, time

async def run(status, events):
    await asyncio.sleep(1)
    print("APP HOGS")
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < 10_000:
        pass  # time.sleep() begins afresh at each callback of a timer (unix port)
    print("APP LETS GO")
    await asyncio.sleep(1000)
"""


def test_without_a_watchdog_a_hang_is_only_a_hang_and_stat_says_so(start_board):
    board = start_board()
    board.stop()
    with Flash(board.flash) as flash:
        config = json.loads(flash.read("/config.json")) | {"app": "app", "watchdog": False}
        flash.write("/config.json", json.dumps(config).encode())
        flash.write("/app.py", HOGS_FOR_A_WHILE.encode())
    board.start()

    board.wait_console("APP LETS GO", timeout=30)
    assert board.resets == 0
    assert "watchdog off" in board.stat(board.works())


def test_a_watchdog_that_is_neither_on_nor_off_runs_and_is_named(start_board):
    board = start_board()
    board.stop()
    with Flash(board.flash) as flash:
        config = json.loads(flash.read("/config.json")) | {"watchdog": "no"}
        flash.write("/config.json", json.dumps(config).encode())
    board.start()
    board.wait_ready()

    stat = board.stat(board.works())
    assert "watchdog: must be true or false; it runs" in stat
    assert "watchdog off" not in stat
