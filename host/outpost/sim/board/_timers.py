"""Runs the chip's timers: in the host's thread on 64 bits, in a thread of this process on 32.

Both schedule a callback between two bytecodes, as firmware's interrupt does.
"""

from errno import ENOMEM
from time import ticks_add, ticks_diff, ticks_ms

import vfs
from _host import libc, timers
from micropython import const, heap_lock, schedule

_LOOK_MS = const(50)  # a new timer may be noticed this late
_LOST_MS = const(10)  # how long timers due together wait for a place; a chip's come one by one
_WAKE_MS = const(5_000)  # if a callback waits this long, the interpreter is asleep
_SIGUSR2 = const(12)  # ends that sleep: _host.py
_NON_BLOCKING = const(0x800)
_BLOCK_BITS = const(4)  # for the heap's blocks of 16 bytes: py/gc.c

# On 32 bits, two threads share the heap without a lock. If one moves or frees an object that the
# other reads, or allocates while the other collects, the process ends
# (ports/unix/mpthreadport.c:147 describes that race). So the timers' thread never allocates, and
# shared objects never grow: there is one list for each possible timer.
_TIMERS = const(16)  # PICO_TIME_DEFAULT_ALARM_POOL_MAX_TIMERS, pico-sdk's time.h
_DUE = const(0)  # ticks, or None
_PERIOD = const(1)  # ms, or 0 for one-shot
_WAITS = const(2)  # ticks since when its callback waits, or None
_BLOCK = const(3)  # of the heap: not an address, which the collector would take for a reference
_HELD = const(4)  # the timer, or None if it has a life
_LIFE = const(5)  # the number of that life, or None
_places = tuple([None] * 6 for _ in range(_TIMERS if libc else 0))
_free = list(range(len(_places)))  # their numbers; only used by the main thread
_functions = []  # the function that is called with a timer


class Life:
    """Detects when the object that holds it was collected: then the collector closes its pipe."""

    def __init__(self):
        ends = bytearray(8)
        libc.func("i", "pipe2", "pi")(ends, _NON_BLOCKING)
        self.number, end = (int.from_bytes(ends[at : at + 4], "little") for at in (0, 4))
        self._end = vfs.VfsPosix().open("/dev/fd/%d" % end, "wb")
        libc.func("i", "close", "i")(end)


if libc:
    _read = libc.func("i", "read", "ipi")
    _close = libc.func("i", "close", "i")
    # Swapping twice has no effect: this converts an address to its object.
    _swap = libc.func("I", "ntohl", "I")
    _swap_to_object = libc.func("O", "ntohl", "I")
    _byte = bytearray(1)


def _begin(function):
    import _thread

    _functions.append(function)
    _thread.start_new_thread(_play, ())


def _collected(place):
    life = place[_LIFE]
    return life is not None and not _read(life, _byte, 1)


def _give_back(at):
    place = _places[at]
    place[_DUE] = place[_WAITS] = place[_HELD] = None
    if place[_LIFE] is not None:
        _close(place[_LIFE])
        place[_LIFE] = None
    _free.append(at)


def ask(function, timer, period, periodic, life=None):
    """Have function(timer) called after period ms, or periodically. life: if it has one.

    The caller stores the result in timer.place, which begins as None. Raises OSError(ENOMEM) if no
    more timers can run (rp2/machine_timer.c:99).
    """
    if timers:
        timers.write(b"%d %d %d %d\n" % (id(function), id(timer), period, periodic))
        return None
    if not _functions:
        _begin(function)
    at = timer.place
    if at is None:
        if not _free:
            for gone, place in enumerate(_places):
                if _collected(place):
                    _give_back(gone)
        if not _free:
            raise OSError(ENOMEM)
        at = _free.pop()
    place = _places[at]
    place[_DUE] = place[_WAITS] = None
    place[_PERIOD] = period if periodic else 0
    place[_BLOCK] = id(timer) >> _BLOCK_BITS
    place[_HELD] = None if life else timer
    place[_LIFE] = life and life.number
    place[_DUE] = ticks_add(ticks_ms(), period)  # from here on the other thread uses it
    return at


def end(timer):
    """Stop calling it."""
    if timer.place is not None:
        _give_back(timer.place)
        timer.place = None


def ran(timer):
    """Called when the callback of timer runs."""
    if timers:
        timers.write(b"ran %d\n" % id(timer))


def _run(at):
    """The scheduled function: call the callback, unless the timer was collected meanwhile."""
    place = _places[at]
    if place[_WAITS] is None:
        return  # it was stopped, or requested anew
    place[_WAITS] = None
    if _collected(place):
        _give_back(at)
    else:
        _functions[0](place[_HELD] or _swap_to_object(_swap(place[_BLOCK] << _BLOCK_BITS)))


def _play():
    """Schedule what is due, for ever; the only other thread. Never allocates."""
    wake = libc.func("i", "kill", "ii")
    sleep = libc.func("i", "usleep", "i")  # sleep_ms() of a thread wakes twice a millisecond
    own = libc.func("i", "getpid", "")()
    run = _run
    places = _places
    heap_lock()  # only for this thread: an allocation raises an exception
    while True:
        pause = _LOOK_MS
        for at in range(_TIMERS):
            place = places[at]
            now = ticks_ms()
            waits = place[_WAITS]
            if waits is not None:
                if ticks_diff(now, waits) > _WAKE_MS:
                    place[_WAITS] = now
                    wake(own, _SIGUSR2)
                continue
            due = place[_DUE]
            if due is None:
                continue
            left = ticks_diff(due, now)
            if left > 0:
                pause = min(pause, left)
                continue
            place[_WAITS] = now
            try:
                schedule(run, at)
            except RuntimeError:  # the queue is full
                place[_WAITS] = None
                if left > -_LOST_MS:
                    pause = 1
                    continue  # it is lost, like a board's interrupt that could not schedule it
            period = place[_PERIOD]
            if period:
                place[_DUE] = ticks_add(now, period)
                pause = min(pause, period)
            else:
                place[_DUE] = None
        sleep(pause * 1000)
