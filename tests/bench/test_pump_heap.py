"""The pump allocates nothing for a chunk: it runs here with the heap locked."""

import pytest

SCRIPT = """
from micropython import heap_lock, heap_unlock
from asyncio import core
from services.ftp.data.pump import receive, send

CHUNKS = 2000

class Transfer:
    def __init__(self): self.bytes = self.touched = 0

class Queue:
    '''Where a pump waits for its socket; here it never has to.'''
    def __init__(self): self.waits = 0
    def queue_read(self, sock): self.waits += 1
    queue_write = queue_read

class File:
    def __init__(self): self.reads = self.moved = self.calls = 0
    def readinto(self, buffer):
        if self.reads == CHUNKS: return 0
        self.reads += 1
        return len(buffer)
    def write(self, buffer, count): self.moved += count

class Sock(File):
    '''Would block at first and at every fiftieth call, and takes half of every seventh.'''
    def blocks(self):
        self.calls += 1
        return self.calls % 50 == 1
    def readinto(self, buffer):
        return None if self.blocks() else super().readinto(buffer)
    def write(self, buffer, at, count):
        if self.blocks(): return None
        if self.calls % 7 == 0: count //= 2
        self.moved += count
        return count

def run(pump):
    '''Step the pump to its end with the heap locked.'''
    next(pump)  # the first step binds methods, once a transfer
    heap_lock()
    try:
        for _ in pump:
            pass
    finally:
        heap_unlock()

core._io_queue = queue = Queue()
buffer = bytearray(512)

PUMP

print(pump.__name__, source.reads, sink.moved, transfer.bytes, queue.waits > 20)
heap_lock()
try:
    [1]
    print("the lock does nothing")
except MemoryError:
    heap_unlock()
"""

SEND = """
source, sink, transfer, pump = File(), Sock(), Transfer(), send
run(send(sink, source.readinto, buffer, transfer))
"""

RECEIVE = """
source, sink, transfer, pump = Sock(), File(), Transfer(), receive
run(receive(source, sink.write, buffer, transfer))
"""


@pytest.mark.parametrize(("pump", "name"), [(SEND, "send"), (RECEIVE, "receive")])
def test_no_chunk_allocates(micropython, pump, name):
    printed = micropython(SCRIPT.replace("PUMP", pump))
    assert printed == f"{name} 2000 {2000 * 512} {2000 * 512} True\n"


def test_the_proof_notices_a_slice(micropython):
    sliced = SEND.replace("source.readinto", "lambda b: source.readinto(memoryview(b)[:])")
    with pytest.raises(micropython.failed, match="heap is locked"):
        micropython(SCRIPT.replace("PUMP", sliced))
