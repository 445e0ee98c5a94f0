"""The user's application can't take the board with it: it leaks, hogs, or ends in an odd way."""

import io
import json
import socket
import time

import pytest
from outpost.sim.desk import BoardFailed
from outpost.sim.flash import Flash

PATIENCE_S = 60


def stat_until(board, text, session=None):
    """STAT, as soon as it has the text."""
    session = session or board.ftp()
    deadline = time.monotonic() + PATIENCE_S
    while text not in (stat := board.stat(session)):
        assert time.monotonic() < deadline, stat
        time.sleep(0.3)
    return stat


def greeting(board):
    """The first bytes that a client of the board hears."""
    with socket.create_connection(("127.0.0.1", board.ftp_port), 5) as sock:
        sock.settimeout(3)
        return sock.recv(100)


EAT = """
import asyncio, gc

def eat(leave):
    held = None
    size = 16384
    while size >= 64:
        gc.collect()
        try:
            while gc.mem_free() > leave + size:
                held = held, bytearray(size)
        except MemoryError:
            pass
        size //= 2
    return held
"""

# It holds the heap in a global, in its section, by a handler of events and in a task of its own.
LEAKS = (
    EAT
    + """
kept = []
runs = 0

async def holds():
    here = bytearray(1000)
    while True:
        await asyncio.sleep(1)
        kept

async def run(status, events):
    status.section("app")["big"] = "x" * 3000
    here = bytearray(2000)
    events.subscribe(lambda topic, fields: here)
    asyncio.create_task(holds())
    await asyncio.sleep(1)
    kept.append(eat(2000))
    print("EATEN")
    await asyncio.Event().wait()
"""
)


def test_an_application_that_leaves_no_memory_is_stopped_and_starts_again(change):
    board = change({"/app.py": LEAKS}, app={"module": "app", "low_heap_s": 6})
    board.wait_console("EATEN", timeout=20)
    began = time.monotonic()
    heard = []  # never silence; a 220 as long as the heap was measured before it was eaten
    while not heard or heard[-1].startswith(b"220"):
        heard.append(greeting(board))
    assert heard[-1].startswith(b"421 Not enough memory"), heard
    assert time.monotonic() - began < 4, heard
    start = board.wait_console("stopped: no memory for FTP for 6 s, it held ", timeout=30)
    assert time.monotonic() - began < 20
    assert greeting(board).startswith(b"220")

    stat = stat_until(board, "low heap stops 1")
    assert "error MemoryError: stopped: no memory for FTP for 6 s, it held" in stat
    event = board.console[start - 300 :].splitlines()
    held = int(next(line for line in event if "it held" in line).split("it held ")[1].split()[0])
    assert held > 20_000
    board.wait_console("EATEN", timeout=30, start=start)
    board.wait_console("it held", timeout=40, start=start)
    assert board.resets == 0


STAYS = (
    EAT
    + """
import sys

class Keeps:
    pass

async def run(status, events):
    keeps = sys.modules["nobodys"] = Keeps()
    await asyncio.sleep(1)
    keeps.kept = eat(2000)
    {then}
"""
)
IGNORES = """while True:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            pass
"""


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("await asyncio.Event().wait()", "though the application was stopped"),
        (IGNORES, "the application could not be stopped"),
    ],
    ids=["held by a module", "goes on"],
)
def test_where_stopping_gives_no_memory_back_the_board_resets_and_says_why(change, then, why):
    text = STAYS.replace("{then}", then)
    board = change({"/app.py": text}, app={"module": "app", "low_heap_s": 6})
    start = board.wait_console("board/boot boots=2", timeout=20)
    board.wait_console("board/boot boots=3", timeout=60, start=start)
    board.stop()
    with Flash(board.flash) as flash:
        record = json.loads(flash.read("/boot.json"))
    # One that goes on may leave so little that there is no room for a sentence.
    full = f"app: no memory for FTP, {'' if why.startswith('though') else 'and '}{why}"
    short = "a reset that nobody asked for (no memory)"
    assert record["why"] in ((full,) if why.startswith("though") else (full, short))


HOGS = """
import asyncio, time

async def run(status, events):
    await asyncio.sleep(1)
    print("APP HOGS")
    time.sleep(60)
"""


def hung_three_times(board):
    """Wait for the boot after the third time; where the console was then."""
    end = 0
    for _ in range(3):
        end = board.wait_console("APP HOGS", timeout=30, start=end)
    end = board.wait_console("board/boot", timeout=30, start=end)
    board.wait_ready()
    return end


def test_an_application_that_hung_three_times_is_not_started_until_another_one_comes(change):
    board = change({"/app.py": HOGS}, app="app")
    end = hung_three_times(board)

    session = board.works()
    stat = stat_until(board, "not started: the watchdog reset the board 3 times", session)
    assert "hung in app" in stat
    assert "APP HOGS" not in board.console[end:]
    board.stop()
    board.start()  # power comes again: it is still known
    board.wait_ready()
    session = board.works()
    stat_until(board, "not started: the watchdog reset the board 3 times", session)
    place = len(board.console)
    fixed = HOGS.replace("time.sleep(60)", "print('APP WORKS')\n    await asyncio.sleep(1000)")
    session.storbinary("STOR /app.py", io.BytesIO(fixed.encode()))
    board.wait_console("APP WORKS", timeout=20, start=place)
    assert "not started" not in board.stat(session)


def test_site_app_start_lets_one_that_hung_start_again(change):
    board = change({"/app.py": HOGS.replace("60", "9")}, app="app")
    end = hung_three_times(board)
    session = board.works()
    stat_until(board, "not started", session)
    assert session.sendcmd("SITE app start") == "211 It starts."
    board.wait_console("APP HOGS", timeout=20, start=end)


INTERRUPTS = """
import asyncio

async def run(status, events):
    await asyncio.sleep(0.2)
    raise KeyboardInterrupt
"""


def test_a_keyboard_interrupt_of_its_own_ends_the_application_alone(change):
    board = change({"/app.py": INTERRUPTS}, app="app")
    board.wait_console("failures=3", timeout=30)
    stat_until(board, "RuntimeError: KeyboardInterrupt; where it was Ctrl-C", board.works())
    assert board.state == "running"
    assert board.stop() == "stopped"  # by Ctrl-C


SPINS = """
import asyncio

async def run(status, events):
    print("APP SPINS")
    while True:
        for _ in range(2_000_000):
            pass
        await asyncio.sleep(0)
"""


def test_a_persons_ctrl_c_in_an_application_that_spins_stops_the_board_at_the_second(change):
    board = change({"/app.py": SPINS}, app="app")
    board.wait_console("APP SPINS", timeout=20)
    board.interrupt()
    try:
        board.wait_console("RuntimeError: Key", timeout=10)
    except BoardFailed:  # it came in a step of somebody else's, and stopped the board at once
        assert board.state != "running"
        start = len(board.console)
        board.start()
        board.wait_console("APP SPINS", timeout=20, start=start)
        board.interrupt()
        board.wait_console("RuntimeError: Key", timeout=10, start=start)
    board.wait_console("APP SPINS", timeout=20, start=len(board.console))
    board.interrupt()
    assert board.wait_end(timeout=20) is not None


ITS_TASK = """
import asyncio, sys

class Odd(BaseException):
    pass

async def pump():
    await asyncio.sleep(0.2)
    {raises}

async def run(status, events):
    task = asyncio.create_task(pump())
    {then}
"""


@pytest.mark.parametrize(
    "then", ["await task", "await asyncio.sleep(60)", "await asyncio.gather(task)"]
)
@pytest.mark.parametrize(
    ("raises", "says"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("raise Odd(5)", "Odd: 5"),
        ("raise KeyboardInterrupt", "RuntimeError: KeyboardInterrupt; where it was Ctrl-C"),
    ],
)
def test_a_task_of_its_own_that_raises_what_ends_a_loop_ends_the_application(
    change, raises, says, then
):
    text = ITS_TASK.format(raises=raises, then=then)
    board = change({"/app.py": text}, app="app")
    start = board.console.index("board/boot boots=2")
    board.wait_console("failures=3", timeout=30)
    assert board.state == "running"
    assert board.resets == 0
    stat_until(board, says, board.works())
    told = [line for line in board.console[start:].splitlines() if "service/restart" in line]
    assert len(told) == 3, "once each time"
    assert all("service=app" in line for line in told)
    assert "task/crash" not in board.console
    assert board.stop() == "stopped"  # by the first Ctrl-C that comes elsewhere


def test_one_that_goes_on_after_its_run_is_told_as_a_lost_task(change):
    text = ITS_TASK.format(raises="sys.exit(3)", then="return")
    board = change({"/app.py": text}, app="app")
    line = board.wait_console("task/crash", timeout=20)
    event = board.console[line - 100 :].split("task/crash", 1)[1].splitlines()[0]
    assert "task=app.pump" in event
    assert "SystemExit: 3" in event
    board.works()


def test_an_application_whose_own_task_hung_three_times_is_not_started(change):
    text = HOGS.replace("async def run(status, events):", "async def hog():")
    text += """
async def run(status, events):
    await asyncio.create_task(hog())
"""
    board = change({"/app.py": text}, app="app")
    hung_three_times(board)
    stat = stat_until(board, "not started: the watchdog reset the board 3 times", board.works())
    assert "hung in app.hog" in stat


TALKS = r"""
async def run(status, events):
    raise ValueError("a\r\n226 done\r\n\x1b[2J" + "x" * 10000)
"""


def test_what_its_exception_says_is_one_line_of_bounded_length(change):
    board = change({"/app.py": TALKS}, app="app")
    session = board.works()
    stat = stat_until(board, "ValueError: a 226 done", session)
    assert all(line.startswith(("211", " ")) for line in stat.splitlines()), stat
    assert "\x1b" not in stat
    assert "x" * 200 not in stat.replace("\n", "")
