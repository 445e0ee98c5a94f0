"""The file system of /outpost.bin: imports find Outpost's modules in it as in a folder.

This module itself is what MicroPython calls a file system; it holds no index and no open file.
What it reads, host/outpost/bundle/archive.py describes. boot.py has start() mount it, once at each
boot. An update may replace it: recovery.py comes first, and needs no archive.
"""

import binascii
import io
import os
import sys

import vfs
from micropython import const

PATH = "/outpost.bin"
_POINT = const("/.o")  # short: the path of each module stays in the heap
# Where one of them lies, plain files do: these come last and go first, so that all are whole.
_PLAIN = const(("daemon.py", "daemon.mpy", "supervisor.py", "supervisor.mpy"))
_MAGIC = const(b"OPA1")
_HEAD = const(24)
_PIECE = const(128)  # bytes of the index that are looked through at once
_WINDOW = const(10)  # bits, of what is deflated
_FOLDER = const(0x4000)
_FILE = const(0x8000)
_OURS = const(("/services_", "/hal/"))  # modules whose names are in the index alone
_ENOENT = const(2)
_EROFS = const(30)

names = ""  # folders, and files where imports look first: told from others without a look
_failed = None  # what stat met and could not tell


def start():  # noqa: F811 - it takes itself away
    """Mount the archive, where it counts, so that imports look there before they look on flash.

    Only once: what it takes goes then. ValueError, OSError: it is damaged, and is not mounted.
    """
    global names, start, _checked
    there = os.listdir("/")
    if PATH[1:] not in there or any([name in there for name in _PLAIN]):
        return
    names = _checked()
    vfs.mount(sys.modules[__name__], _POINT)
    sys.path.insert(0, _POINT)
    sys.path.append(_POINT + "/lib")
    del start, _checked


def _checked():
    """The names in the archive's head; ValueError where it isn't whole, or not for this board."""
    with io.open(PATH, "rb") as file:
        head = file.read(_HEAD)
        if head[:4] != _MAGIC or file.seek(0, 2) != int.from_bytes(head[4:8], "little"):
            raise ValueError("%s is damaged, or not whole" % PATH)
        if head[12] != getattr(sys.implementation, "_mpy", head[12]) & 0xFF:
            raise ValueError("%s is for another MicroPython: .mpy %d" % (PATH, head[12]))
        file.seek(_HEAD)
        check = 0
        for _ in range(head[-1]):
            check = binascii.crc32(file.read(_PIECE), check)
        found = file.read(head[13])
    if binascii.crc32(found, check) != int.from_bytes(head[8:12], "little"):
        raise ValueError("%s is damaged" % PATH)
    return found.decode()


def mount(*_):
    """Nothing is to be done, undone, or listed: the archive has no names but those above."""
    return iter(())


umount = ilistdir = mount


def __getattr__(name):
    """What else a file system does, such as to remove a file: OSError."""
    raise OSError(_EROFS)


def stat(path):
    """What import asks: whether it is a folder or a file; OSError where it is neither.

    Import takes whatever this raises for "not there": a Ctrl-C, no memory, flash that can't be
    read. So any other failure than that says that there is a file, and open() raises it.
    """
    global _failed
    kind = _FILE
    try:
        # Most of what is asked for is not here: built-in modules, x and x.py before x.mpy.
        if _failed:
            pass
        elif " %s/ " % path in names:
            kind = _FOLDER
        elif path[-4:] == ".mpy" and path.startswith(_OURS):
            open(path, "rb").close()
        elif " %s " % path not in names:
            raise OSError(_ENOENT)
    except BaseException as error:
        if error.args == (_ENOENT,):
            raise
        _failed = error
    return (kind, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def open(path, mode):
    """A file of the archive's own that stands where the content of path begins. OSError.

    Where it ends, nothing tells: an .mpy says itself, and what is no module comes last. What
    stat() met before is raised here.
    """
    global _failed
    if _failed:
        error, _failed = _failed, None
        raise error
    if mode not in "rb":
        raise OSError(_EROFS)
    key = binascii.crc32(path).to_bytes(4, "little")
    buffer = bytearray(_PIECE)
    file = io.open(PATH, "rb")
    file.seek(_HEAD - 1)
    for _ in range((file.read(1) or b"\0")[0]):
        file.readinto(buffer)
        at = buffer.find(key)
        if at >= 0:
            break
    else:
        file.close()
        raise OSError(_ENOENT)
    if mode == "r":
        file.close()
        file = io.open(PATH)
    at = int.from_bytes(buffer[at + 4 : at + 8], "little")
    file.seek(at >> 1)
    if at & 1:
        import deflate

        return deflate.DeflateIO(file, deflate.RAW, _WINDOW, True)
    return file
