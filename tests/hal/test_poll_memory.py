"""Waiting for a socket where memory is short: the allocator fails at each allocation in turn.

extmod/modselect.c notes a socket before it has the memory for its entry. Polled, that note crashes
the unix port and hangs an RP2.
"""

import pytest

SCRIPT = """
import asyncio, gc, os, socket, sys
from asyncio import core
from micropython import const
if sys.argv[1] == "safe":
    import hal.net

MOST = const(120)

class Waiter:
    data = None

def scrub(depth):
    "Overwrite what is left on the stack: the collector takes it for a use of what was held."
    return depth and scrub(depth - 1)

def one():
    sock = socket.socket()
    sock.setblocking(False)
    return sock

async def main():
    queue = core._io_queue
    waiter = Waiter()
    kept = [None] * 40
    failures = successes = 0
    asked = 0
    # The table of the poller grows by four: with each number of sockets that there may be.
    for count in range(len(kept)):
        for leave in range(MOST):
            sock = one()
            number = id(sock)
            gc.collect()
            held = None
            try:
                while True:
                    held = (held, 1)
            except MemoryError:
                pass
            for _ in range(leave):
                if held:
                    held = held[0]
            try:
                queue.queue_read(sock)
                went = True
            except MemoryError:
                went = False
            held = None
            if went:
                successes += 1
                assert number in queue.map
                queue._dequeue(sock)
            else:
                failures += 1
                if sys.argv[1] == "safe":
                    assert number not in queue.map
            queue.poller.poll(0)  # the crash
            sock.close()
        kept[count] = sock = one()
        for attempt in range(10):
            scrub(30 + attempt)
            gc.collect()
            try:
                queue.queue_read(sock)
                break
            except MemoryError:
                assert attempt < 9, "what was held is never let go"
    for sock in kept:
        queue._dequeue(sock)
        sock.close()
    queue.poller.poll(0)
    print(failures > 100, successes > 100)

asyncio.run(main())
"""


@pytest.mark.parametrize("heap", ["64K", "100K"])
def test_a_wait_that_finds_no_memory_leaves_nothing_behind(micropython, heap):
    assert micropython(SCRIPT, "safe", heap=heap, timeout=240) == "True True\n"


def test_asyncio_alone_crashes_so(micropython):
    with pytest.raises(micropython.failed, match="exit status -11"):
        micropython(SCRIPT, "bare", heap="64K", timeout=240)


def test_another_task_that_waits_for_the_same_socket_goes_on(micropython):
    """Its entry is whole: the one who finds no memory must not take it away."""
    script = """
import asyncio, hal, socket
from asyncio import core
import hal.net
undone = []
hal.unregister = lambda poller, sock: undone.append(sock)

async def main():
    queue = core._io_queue
    sock = socket.socket()
    task = core.cur_task
    queue.queue_read(sock)
    modify = queue.poller
    class Short:
        def modify(self, *_):
            raise MemoryError
        register = modify
    queue.poller = Short()
    try:
        queue.queue_write(sock)
    except MemoryError:
        print("short", len(undone), id(sock) in queue.map)
    other = socket.socket()
    try:
        queue.queue_write(other)
    except MemoryError:
        print("short", len(undone), id(other) in queue.map)
    queue.poller = modify
    queue._dequeue(sock)

asyncio.run(main())
"""
    assert micropython(script).splitlines() == ["short 0 True", "short 1 False"]
