"""What a simulated board takes its time for: looking through its heap and its flash."""

import json
import re

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.clock import Haste
from outpost.sim.flash import Flash
from outpost.sim.interpreters import interpreter

# Prints the fewest microseconds that each call took of three.
TIMES = """
import gc, os
from time import ticks_diff, ticks_us

def took(call, *arguments):
    least = None
    for _ in range(3):
        began = ticks_us()
        call(*arguments)
        us = ticks_diff(ticks_us(), began)
        least = us if least is None else min(least, us)
    return least

print("took", took(gc.collect), took(gc.mem_free), took(gc.mem_alloc), took(os.statvfs, "/"), "us")
"""


def taken(board):
    """Microseconds of a collection, of mem_free(), of mem_alloc() and of statvfs()."""
    board.wait_console("us\n")
    return [int(number) for number in re.search(r"took (.+) us", board.console)[1].split()]


@pytest.mark.parametrize("name", [name for name in BOARDS if name != "desk"])
def test_heap_and_flash_take_the_boards_time(run, name):
    profile = BOARDS[name]

    *heap, flash = taken(run(TIMES, profile=profile))

    assert min(heap) >= profile.walk_us
    assert flash >= 2 * profile.read_us, "an empty LittleFS has two blocks to read"


def test_desk_has_the_hosts_time(run):
    slow = BOARDS["pico2-w"].walk_us

    *heap, _ = taken(run(TIMES, profile=BOARDS["desk"]))

    assert min(heap) < slow


def test_a_walk_of_eight_mebibytes_is_what_was_measured():
    assert BOARDS["esp32-s3"].walk_us == pytest.approx(77_000, rel=0.01)


def test_statvfs_takes_longer_where_more_is_in_use(run):
    files = "import os\nfor n in range(40):\n    os.mkdir('/folder%d' % n)\n"
    profile = BOARDS["esp32"]

    empty = taken(run(TIMES, profile=profile))[-1]
    used = taken(run(files + TIMES, profile=profile))[-1]

    assert used >= empty + 40 * profile.read_us


def test_nothing_is_allocated_for_it(run):
    board = run(
        "import gc, micropython\n"
        "micropython.heap_lock()\n"
        "try:\n    gc.mem_free()\n    gc.mem_alloc()\n"
        "finally:\n    micropython.heap_unlock()\n"
        "print('none')",
        profile=BOARDS["esp32"],
    )

    board.wait_console("none\n")


def test_what_is_not_slowed_is_there(run):
    board = run(
        "import gc, os\ngc.threshold(4096)\ngc.disable()\n"
        "print(gc.threshold(), gc.isenabled(), gc.collect(), os.listdir())",
        profile=BOARDS["esp32"],
    )

    board.wait_console("4096 False None ['boot.py', 'main.py']\n")


# An application that adds up what measuring takes of the board's time, for 100 s of it.
SPENT = """
import asyncio, gc, os
from time import ticks_diff, ticks_ms

spent = [0]


def add_up(module, name):
    function = getattr(module, name)

    def timed(*arguments):
        began = ticks_ms()
        try:
            return function(*arguments)
        finally:
            spent[0] += ticks_diff(ticks_ms(), began)

    setattr(module, name, staticmethod(timed))


async def run(status, events):
    for name in ("collect", "mem_free", "mem_alloc"):
        add_up(gc, name)
    add_up(os, "statvfs")
    await asyncio.sleep(5)  # the boot
    spent[0] = 0
    began = ticks_ms()
    await asyncio.sleep(200)
    print("spent", spent[0], "of", ticks_diff(ticks_ms(), began), "ms")
    await asyncio.Event().wait()
"""


@pytest.mark.skipif(not interpreter().faketime, reason="NOT TESTED: libfaketime is not installed")
def test_outpost_measures_for_a_hundredth_of_its_time_at_most(start_board):
    board = start_board(profile=BOARDS["esp32-s3"], clock=Haste(10))
    board.stop()
    with Flash(board.flash) as flash:
        # Without a clock: what it borrows for each try collects too, and is no measuring.
        config = json.loads(flash.read("/config.json")) | {"app": "spent", "time": None}
        flash.write("/config.json", json.dumps(config).encode())
        flash.write("/spent.py", SPENT.encode())
    board.start()
    board.wait_console("ms\n", timeout=60)

    spent, passed = map(int, re.search(r"spent (\d+) of (\d+) ms", board.console).groups())
    assert 0.001 < spent / passed < 0.0125
