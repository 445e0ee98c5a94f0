"""A bridge to the archive, for a board whose boot.py knows of none.

Such a boot.py imports `hal` from flash, and so it finds this package, which lies where hal was. It
mounts the archive, whose hal takes its name.
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
    """Whether a board needs it. files: of the version; is_there(file): on the board, as it is.

    Where boot.py is another one, nobody knows what that does; the bridge costs three blocks. Also
    where boot.py is brought: the boot that puts it in place still runs the old one.
    """
    return any(file.path == _BOOT and not is_there(file) for file in files)


def made(tree: Path) -> DeviceFile:
    """The bridge as a DeviceFile."""
    return DeviceFile(PATH, bundle.compiled(_TEXT, "hal", tree / "build" / "mpy"))
