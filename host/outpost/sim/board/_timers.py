"""Who plays the chip's timers: the host's thread on 64 bits, a thread of our own on 32.

Both leave a callback to be run between two bytecodes, as an interrupt of firmware does.
"""

from time import ticks_add, ticks_diff, ticks_ms

import vfs
from _host import libc, timers
from micropython import const, schedule

_LOOK_MS = const(50)  # how late a new timer may be noticed
_WAKE_MS = const(5_000)  # a callback that waits so long finds the interpreter asleep
_SIGUSR2 = const(12)  # ends that: _host.py
_NON_BLOCKING = const(0x800)
_BLOCK_BITS = const(4)  # of the heap's 16 bytes: py/gc.c

# On 32 bits: a timer's block of the heap, which is no address that the collector would take for a
# reference -> [ticks when it is due or None, period in ms or 0, waits since,
# the timer, or None and the number of its Life].
_due = {}


class Life:
    """Tells when the object that holds it was collected: then the collector closes its pipe."""

    def __init__(self):
        ends = bytearray(8)
        libc.func("i", "pipe2", "pi")(ends, _NON_BLOCKING)
        self.number, end = (int.from_bytes(ends[at : at + 4], "little") for at in (0, 4))
        self._end = vfs.VfsPosix().open("/dev/fd/%d" % end, "wb")
        libc.func("i", "close", "i")(end)


def _block(timer):
    return id(timer) >> _BLOCK_BITS


def ask(function, timer, period, periodic, life=None):
    """Have function(timer) called after period ms, or every so many; life: where it has one."""
    if timers:
        timers.write(b"%d %d %d %d\n" % (id(function), id(timer), period, periodic))
        return
    running = bool(_due)
    held = None if life else timer
    due = ticks_add(ticks_ms(), period)
    _due[_block(timer)] = [due, period if periodic else 0, None, held, life and life.number]
    if not running:
        import _thread

        _thread.start_new_thread(_play, (function,))


def ran(timer):
    """The callback of timer runs."""
    if timers:
        timers.write(b"ran %d\n" % id(timer))
    elif _block(timer) in _due:
        _due[_block(timer)][2] = None


def _nothing(_):
    """Takes the place of a timer in the queue of what is to be called."""


def _play(function):
    """Schedule what is due, for ever; the only other thread."""
    wake = libc.func("i", "kill", "ii")
    sleep = libc.func("i", "usleep", "i")  # sleep_ms() of a thread wakes twice a millisecond
    read = libc.func("i", "read", "ipi")
    swap = libc.func("I", "ntohl", "I")
    swap_to_object = libc.func("O", "ntohl", "I")  # twice is nothing: an address as its object
    own = libc.func("i", "getpid", "")()
    byte = bytearray(1)
    while True:
        pause = _LOOK_MS
        try:
            for block in list(_due):
                found = _due[block]
                due, period, waits, timer, life = found
                now = ticks_ms()
                if life and not read(life, byte, 1):
                    del _due[block]
                    continue
                if waits is not None and ticks_diff(now, waits) > _WAKE_MS:
                    found[2] = now
                    wake(own, _SIGUSR2)
                if due is None or waits is not None:
                    continue
                left = ticks_diff(due, now)
                if left > 0:
                    pause = min(pause, left)
                    continue
                found[0] = ticks_add(now, period) if period else None
                found[2] = now
                try:
                    if timer:
                        schedule(function, timer)
                    else:
                        # Nothing of it stays in a variable: the collector would find it there.
                        schedule(function, swap_to_object(swap(block << _BLOCK_BITS)))
                        schedule(_nothing, None)
                except RuntimeError:  # the queue is full: it is lost, as a board's interrupt
                    found[2] = None
        except MemoryError:
            pass  # a chip's timer needs none: it comes a little later
        sleep(pause * 1000)
