"""The transfers' buffers follow the heap: large where there is much, small before none."""

import pytest

MAKE = """
import gc
from services.ftp.data.buffers import Buffers
buffers = Buffers(%s)
first = buffers.take()
print(len(first))
"""

# Fills the heap until the next buffer must be small, then until there is none at all.
STARVE = (
    MAKE
    + """
held = None
last = len(first)
sizes = []
while True:
    gc.collect()
    try:
        held = (held, bytearray(1000))
        buffer = buffers.take()
    except MemoryError:
        break
    if len(buffer) != last:
        last = len(buffer)
        sizes.append(last)
    buffer = None
held = None
gc.collect()
print(sizes)
buffers.give(first)
print(len(buffers.take()))
"""
)


@pytest.mark.parametrize(
    ("heap", "size"),
    [("64K", 4096), ("256K", 4096), ("400K", 8192), ("2M", 16384), ("8M", 16384)],
)
def test_a_large_heap_has_large_buffers(micropython, heap, size):
    assert int(micropython(MAKE % "None", heap=heap)) == size


def test_what_is_configured_holds(micropython):
    assert int(micropython(MAKE % "1024", heap="2M")) == 1024


def test_a_low_heap_shrinks_them_before_it_refuses_anyone(micropython):
    first, sizes, again = micropython(STARVE % "None", heap="256K").splitlines()
    assert (first, sizes, again) == ("4096", "[2048, 1024, 512]", "4096")


def test_one_stands_by_until_nobody_comes_any_more(micropython):
    said = micropython("""
import gc
from services.ftp.data.buffers import Buffers

def held():
    gc.collect()
    return gc.mem_alloc()

buffers = Buffers(4096)
held()
before = held()
buffers.stand_by()
with_one = held()
buffers.stand_by()
again = held()
ready = buffers.take()
buffers.give(ready)
ready = None
buffers.drop()
print(with_one - before >= 4096, again - with_one < 100, held() - before < 100)
""")
    assert said.split() == ["True", "True", "True"]
