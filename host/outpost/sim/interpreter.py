"""Runs MicroPython's unix port with a Ctrl-C as on a board; by itself: FOLDER OPTIONS...

FOLDER holds the module micropython_run. SIGUSR1 is Ctrl-C: it leaves KeyboardInterrupt to be
raised between two bytecodes, as the interrupt handler of firmware does. The unix port's own
handler of SIGINT jumps out of whatever runs: in the middle of a write it would tear LittleFS,
and out of libfaketime it leaves the clock unfaked for good.
"""

import ctypes
import signal
import sys


def main():
    """Run the interpreter with the options after FOLDER; return its exit status."""
    sys.path.append(sys.argv[1])
    import micropython_run

    c_library = ctypes.CDLL(None)
    micropython = ctypes.CDLL(micropython_run.__file__)
    c_library.signal(signal.SIGUSR1, micropython.mp_sched_keyboard_interrupt)
    # poll() and recv() must return, that the interpreter comes to look.
    c_library.siginterrupt(signal.SIGUSR1, 1)
    return micropython_run.run_main(["micropython", *sys.argv[2:]])


if __name__ == "__main__":
    sys.exit(main())
