"""A heap without a byte to give: nothing is done meanwhile, but the board lives through it."""

import socket

import pytest

# Every allocation fails, whoever asks, while steps hold the loop for longer and longer.
LOCKS = """
import asyncio, micropython
from time import sleep_ms

async def run(status, events):
    await asyncio.sleep(1)
    print("locked")
    micropython.heap_lock()
    for turn in range(100):  # for longer than the watchdog waits
        sleep_ms(turn)
        await asyncio.sleep_ms(60)
    micropython.heap_unlock()
    print("unlocked")
    await asyncio.Event().wait()
"""


def test_a_board_without_a_byte_of_heap_is_not_reset(change):
    board = change({"/app.py": LOCKS}, app="app")
    board.wait_console("locked\n")
    waiting = [socket.create_connection(("127.0.0.1", board.ftp_port), 5) for _ in range(2)]
    board.wait_console("unlocked\n", timeout=30)

    assert board.resets == 0, board.console
    for sock in waiting:
        sock.settimeout(20)
        assert sock.recv(100).startswith(b"220"), "who has waited is served"
        sock.close()
    assert "restarts 0" in next(
        line for line in board.stat(board.ftp()).splitlines() if line.startswith("211-ftp ")
    )


# The loop itself ends when nothing is left: what holds the heap is let go with it, or is not.
ENDS = """
import asyncio
from asyncio import core

def eat():
    held = None
    size = 4096
    while size >= 16:
        try:
            while True:
                held = held, bytearray(size)
        except MemoryError:
            size //= 2
    return held

kept = None

async def run(status, events):
    global kept
    await asyncio.sleep(1)
    here = {held}
    core._task_queue = None
    await asyncio.sleep(0)
"""


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ("eat()", "AttributeError: 'NoneType' object has no attribute"),
        ("kept = eat()", ""),
    ],
    ids=["by a task", "by a module"],
)
def test_a_loop_that_ends_in_a_full_heap_resets_the_board_at_once(change, held, says):
    board = change({"/app.py": ENDS.format(held=held)}, app="app")
    start = board.wait_console("INFO board/boot boots=2", timeout=20)
    end = board.wait_console("INFO board/boot boots=3", timeout=20, start=start)
    assert "reset_cause=reset" in board.console[end:], board.console
    assert says in board.console[start:end]
