"""Runs MicroPython's unix port with a board's Ctrl-C and timers; run as: FOLDER OPTIONS...

FOLDER contains the module micropython_run. SIGUSR1 is Ctrl-C: it schedules KeyboardInterrupt
between two bytecodes, as firmware's interrupt handler does. The unix port's own handler of SIGINT
jumps out of any code: out of a write it would damage LittleFS, and out of libfaketime it would
leave the clock unfaked for good.

Timers are a thread that works like a board's interrupt: it schedules a callback between two
bytecodes. board/machine.py requests them, over the pipe named in OUTPOST_TIMERS.
"""

import _thread
import ctypes
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable

# If a callback has not run for this time, the interpreter is in a system call: send a signal to
# end that. Not earlier, because libfaketime's select() doesn't return the rest of a sleep, so the
# sleep begins anew.
_WAKE_S = 5
# How long timers that are due together may wait for a place in the queue. On a chip they come one
# by one, and a timer that finds the queue full is lost.
_LOST_S = 0.01
# Address of the timer -> (due, period in s or None, function).
_Timers = dict[int, tuple[float, float | None, int]]


def main() -> int:
    """Run the interpreter with the options after FOLDER; return its exit status."""
    sys.path.append(sys.argv[1])
    import micropython_run

    c_library = ctypes.CDLL(None)
    micropython = ctypes.CDLL(micropython_run.__file__)
    c_library.signal(signal.SIGUSR1, micropython.mp_sched_keyboard_interrupt)
    # poll() and recv() must return, so that the interpreter checks for exceptions.
    c_library.siginterrupt(signal.SIGUSR1, 1)
    # SIGUSR2 only ends a sleep. Its handler is abs(), a function of an int without an effect.
    c_library.signal(signal.SIGUSR2, c_library.abs)
    c_library.siginterrupt(signal.SIGUSR2, 1)
    asked, asking = os.pipe()
    os.environ["OUTPOST_TIMERS"] = str(asking)
    schedule = micropython.mp_sched_schedule
    schedule.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    schedule.restype = ctypes.c_bool
    _thread.start_new_thread(run_timers, (asked, schedule, _thread.get_ident()))
    words = [b"micropython", *map(os.fsencode, sys.argv[2:])]
    # Not through run_main(), which holds Python's lock, so that the timers' thread would never
    # run.
    return micropython.micropython_unix_main(
        len(words), (ctypes.c_char_p * (len(words) + 1))(*words)
    )


def run_timers(asked: int, schedule: Callable[[int, int], bool], main_thread: int) -> None:
    """Schedule callbacks when they are due, for ever.

    Each line from asked is "FUNCTION TIMER MS PERIODIC", with addresses of MicroPython's objects,
    or "ran TIMER".
    """
    timers: _Timers = {}
    waiting: dict[
        int, float
    ] = {}  # address of one whose callback has not run yet -> when to send a signal
    while True:
        now = time.monotonic()
        for address, timer in timers.items():
            if timer[0] <= now and address not in waiting:
                if schedule(timer[2], address):
                    waiting[address] = now + _WAKE_S
                elif timer[0] + _LOST_S > now:
                    continue
                due = now + timer[1] if timer[1] else math.inf
                timers[address] = due, timer[1], timer[2]
        for address, due in waiting.items():
            if due <= now:
                waiting[address] = now + _WAKE_S
                signal.pthread_kill(main_thread, signal.SIGUSR2)
        dues = [timer[0] for address, timer in timers.items() if address not in waiting]
        left = max(0.001, min(dues + list(waiting.values()), default=now + _WAKE_S) - now)
        if select.select([asked], [], [], min(left, _WAKE_S))[0]:
            for line in os.read(asked, 4096).splitlines():
                _note(line.split(), timers, waiting)


def _note(words: list[bytes], timers: _Timers, waiting: dict[int, float]) -> None:
    """Process one line from the device."""
    if words[0] == b"ran":
        waiting.pop(int(words[1]), None)
        return
    function, address, period, periodic = map(int, words)
    period = max(period, 1) / 1000
    timers[address] = time.monotonic() + period, period if periodic else None, function


if __name__ == "__main__":
    sys.exit(main())
