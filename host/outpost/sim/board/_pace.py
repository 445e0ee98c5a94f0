"""A board's heap size and speed: collecting the heap and scanning the flash take as long here.

Only collections that a program requests. The interpreter also collects by itself when memory is
short. No code of ours runs then, so such a collection takes only the host's time.
"""

import gc
import os
from time import sleep_us, ticks_diff, ticks_us

from _flash import reads
from _host import rules, settings

_PROMPT = 4_600  # bytes that firmware takes at its prompt [measured on a Pico W]
_PERCENT = settings.pop("heap_percent")  # our objects' size in percent of that on 32 bits

_WALK_US = rules["walk_us"]  # outpost.sim.boards
_READ_US = rules["read_us"]


def _wait(began, took):
    """Block until `took` microseconds have passed since ticks_us() returned `began`.

    Allocates nothing, like the functions below, because they are called when memory is short.
    """
    left = took - ticks_diff(ticks_us(), began)
    while left > 0:  # a signal may end a sleep early
        sleep_us(left)
        left = took - ticks_diff(ticks_us(), began)


def _collect():
    # Only the sweep's time is simulated; marking what is in use takes additional time.
    began = ticks_us()
    gc.collect()  # on boards it returns nothing
    _wait(began, _WALK_US)


_ours = [0]  # bytes of the heap that the simulator takes beyond what firmware does


def begin():
    """Subtract what is in use now from the heap: it belongs to the simulator."""
    gc.collect()
    _ours[0] = gc.mem_alloc() - _PROMPT * _PERCENT // 100


def _mem_free():
    began = ticks_us()
    size = gc.mem_free()
    _wait(began, _WALK_US)
    return size * 100 // _PERCENT


def _mem_alloc():
    began = ticks_us()
    size = gc.mem_alloc() - _ours[0]
    _wait(began, _WALK_US)
    return size * 100 // _PERCENT


def _statvfs(path):
    # LittleFS reads its whole tree to count the blocks in use; a host folder reads no flash.
    began = ticks_us()
    reads[0] = 0
    found = os.statvfs(path)
    _wait(began, reads[0] * _READ_US)
    return found


HEAP = {"collect": _collect, "mem_free": _mem_free, "mem_alloc": _mem_alloc}
FLASH = {"statvfs": _statvfs}
