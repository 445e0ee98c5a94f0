"""Who plays the chip's timers: the host's thread on 64 bits, a thread of our own on 32.

Both leave a callback to be run between two bytecodes, as an interrupt of firmware does.
"""

from errno import ENOMEM
from time import ticks_add, ticks_diff, ticks_ms

import vfs
from _host import libc, timers
from micropython import const, heap_lock, schedule

_LOOK_MS = const(50)  # how late a new timer may be noticed
_LOST_MS = const(10)  # those due together wait so long for a place; a chip's come one by one
_WAKE_MS = const(5_000)  # a callback that waits so long finds the interpreter asleep
_SIGUSR2 = const(12)  # ends that: _host.py
_NON_BLOCKING = const(0x800)
_BLOCK_BITS = const(4)  # of the heap's 16 bytes: py/gc.c

# On 32 bits two threads share the heap, with no lock between them. What one moves or frees while
# the other reads it, and what one begins to use while the other collects, ends the process
# (ports/unix/mpthreadport.c:147 tells of that race). So the timers' thread takes no memory, and
# what both look at never grows: one list for each timer that may run.
_TIMERS = const(16)  # PICO_TIME_DEFAULT_ALARM_POOL_MAX_TIMERS, pico-sdk's time.h
_DUE = const(0)  # ticks, or None
_PERIOD = const(1)  # ms, or 0: once
_WAITS = const(2)  # ticks since when its callback is to be run, or None
_BLOCK = const(3)  # of the heap: no address that the collector would take for a reference
_HELD = const(4)  # the timer, or None where it has a life
_LIFE = const(5)  # the number of that, or None
_places = tuple([None] * 6 for _ in range(_TIMERS if libc else 0))
_free = list(range(len(_places)))  # their numbers; only the main thread looks
_functions = []  # the one that is called with a timer


class Life:
    """Tells when the object that holds it was collected: then the collector closes its pipe."""

    def __init__(self):
        ends = bytearray(8)
        libc.func("i", "pipe2", "pi")(ends, _NON_BLOCKING)
        self.number, end = (int.from_bytes(ends[at : at + 4], "little") for at in (0, 4))
        self._end = vfs.VfsPosix().open("/dev/fd/%d" % end, "wb")
        libc.func("i", "close", "i")(end)


if libc:
    _read = libc.func("i", "read", "ipi")
    _close = libc.func("i", "close", "i")
    # Twice is nothing: an address as its object.
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
    """Have function(timer) called after period ms, or every so many; life: where it has one.

    Whoever asks keeps what is returned in timer.place, which begins as None. OSError(ENOMEM):
    as many timers run as can (rp2/machine_timer.c:99).
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
    place[_DUE] = ticks_add(ticks_ms(), period)  # from here on the other thread looks at it
    return at


def end(timer):
    """Call it no more."""
    if timer.place is not None:
        _give_back(timer.place)
        timer.place = None


def ran(timer):
    """The callback of timer runs."""
    if timers:
        timers.write(b"ran %d\n" % id(timer))


def _run(at):
    """What is scheduled: call the function, unless the timer was collected meanwhile."""
    place = _places[at]
    if place[_WAITS] is None:
        return  # it was ended, or asked for anew
    place[_WAITS] = None
    if _collected(place):
        _give_back(at)
    else:
        _functions[0](place[_HELD] or _swap_to_object(_swap(place[_BLOCK] << _BLOCK_BITS)))


def _play():
    """Schedule what is due, for ever; the only other thread. It takes no memory."""
    wake = libc.func("i", "kill", "ii")
    sleep = libc.func("i", "usleep", "i")  # sleep_ms() of a thread wakes twice a millisecond
    own = libc.func("i", "getpid", "")()
    run = _run
    places = _places
    heap_lock()  # this thread's alone: what would take memory ends it instead
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
                    continue  # else it is lost, as what a board's interrupt could not schedule
            period = place[_PERIOD]
            if period:
                place[_DUE] = ticks_add(now, period)
                pause = min(pause, period)
            else:
                place[_DUE] = None
        sleep(pause * 1000)
