"""A bridge to the archive, for a board whose boot.py can't mount one.

Such a boot.py imports `hal` from flash, and so it loads this package, which is in the place of
hal. It mounts the archive, whose hal then replaces it.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from outpost import bundle
from outpost.bundle import DeviceFile

PATH = "/hal/__init__.mpy"
_BOOT = "/boot.py"
_TEXT = b"""\
import sys

del sys.modules["hal"]
import archive

archive.start()
import hal
"""


def needed(files: Iterable[DeviceFile], is_there: Callable[[DeviceFile], bool]) -> bool:
    """Whether a board needs it. files: of the version. is_there(file): already on the board.

    If boot.py is different, its behaviour is unknown, and the bridge only takes three blocks. Also
    needed if this push replaces boot.py: the boot that does that still runs the old one.
    """
    return any(file.path == _BOOT and not is_there(file) for file in files)


def made(tree: Path) -> DeviceFile:
    """Return the bridge as a DeviceFile."""
    return DeviceFile(PATH, bundle.compiled(_TEXT, "hal", tree / "build" / "mpy"))
