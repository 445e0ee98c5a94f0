"""The supervisor on a whole board: broken services and applications leave FTP up."""

import io
import json
import re

import pytest
from outpost.sim.flash import Flash


@pytest.fixture
def change(start_board):
    """Boot a board, stop it, change its flash, boot it again: ({path: text}, ...) -> board.

    remove: paths to remove; app: the module that config.json names as the application; clock:
    as Board takes it.
    """

    def again(files, remove=(), app=None, clock="real"):
        board = start_board(clock=clock)
        board.allow_traceback = True  # what is broken here is shown
        board.stop()
        with Flash(board.flash) as flash:
            if app:
                config = json.loads(flash.read("/config.json"))
                flash.write("/config.json", json.dumps(config | {"app": app}).encode())
            for path in remove:
                flash.remove(path)
            for path, text in files.items():
                flash.write(path, text.encode())
        board.start()
        board.wait_ready()
        return board

    return again


def works(board):
    """Log in, store and fetch a file: the session."""
    session = board.ftp()
    session.storbinary("STOR /proof", io.BytesIO(b"proof"))
    found = []
    session.retrbinary("RETR /proof", found.append)
    assert b"".join(found) == b"proof"
    return session


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("/services/time/__init__", "import nosuchmodule", "ImportError"),
        ("/services/time/__init__", "class Clock(:", "SyntaxError"),
        ("/services/log/__init__", "1 // 0", "ZeroDivisionError"),
        ("/services/network/__init__", "raise MemoryError('full')", "MemoryError"),
    ],
)
def test_a_service_that_cannot_be_imported_is_reported_and_the_rest_run(change, path, text, says):
    board = change({f"{path}.py": text}, remove=[f"{path}.mpy"])

    stat = board.stat(works(board))
    name = path.split("/")[2]
    assert f"211-{name:10} failed, error {says}" in stat
    assert "211-ftp        running" in stat


# Only an application writes records: without one nothing needs logging.
APP_THAT_WAITS = """
import asyncio

async def run(status, events):
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize("package", ["logging", "ntptime"])
def test_a_missing_package_costs_its_service_alone(change, package):
    files = [f"/lib/{package}.mpy", f"/lib/{package}.py"]
    board = change({"/app.py": APP_THAT_WAITS}, remove=files, app="app")

    stat = board.stat(works(board))
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

    stat = board.stat(works(board))
    assert "RuntimeError: sensor gone" in stat
    assert "readings 7" in stat
    assert board.resets == 0


def test_an_application_that_does_not_exist_leaves_ftp_up(change):
    board = change({}, app="nosuchapp")
    board.wait_console("nosuchapp")

    assert "nosuchapp" in board.stat(works(board))


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
    works(board).close()

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
import asyncio, hal

async def run(status, events):
    await asyncio.sleep_ms(1500)
    hal.set_clock(1900000000)
    print("APP SET THE CLOCK")
    await asyncio.sleep(1000)
"""
    board = change({"/app.py": text}, app="app", clock="2000")
    board.wait_console("APP SET THE CLOCK")

    answer = board.ftp().sendcmd("SITE uptime")

    assert re.fullmatch(r"211 2030-03-17 \d\d:\d\d up 0:00:\d\d, \d users?", answer)
