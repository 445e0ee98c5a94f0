"""The file system of /outpost.bin: Outpost's modules are imported from it as from a folder.

MicroPython accepts this module as a file system object. It keeps no index and no open file in the
heap. host/outpost/bundle/archive.py describes the format. boot.py calls start() once at each boot.
An update may replace this module: recovery.py runs before it and needs no archive.
"""

import binascii
import io
import os
import sys

import vfs
from micropython import const

PATH = "/outpost.bin"
_POINT = const("/.o")  # short, because each module's path stays in the heap
# If one of these exists, Outpost is installed as plain files. They are written last and removed
# first, so the plain files are complete then.
_PLAIN = const(("daemon.py", "daemon.mpy", "supervisor.py", "supervisor.mpy"))
_MAGIC = const(b"OPA1")
_HEAD = const(24)
_PIECE = const(128)  # bytes of the index that are searched at a time
_WINDOW = const(10)  # bits of the window of deflated modules
_FOLDER = const(0x4000)
_FILE = const(0x8000)
_OURS = const(("/services_", "/hal/"))  # prefixes of modules that are listed only in the index
_ENOENT = const(2)
_EROFS = const(30)

names = ""  # folders and top-level files: stat() answers for these without reading flash
_failed = None  # an error of stat(), which open() raises


def start():  # noqa: F811 - it deletes itself
    """Mount the archive if it is in use, so that imports look there before flash.

    Works once, then frees its own code. Raises ValueError or OSError if the archive is damaged.
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
    """Return the names in the archive's head. Raises ValueError if the archive is unusable."""
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
    """Do nothing: the archive can be neither mounted differently nor listed."""
    return iter(())


umount = ilistdir = mount


def __getattr__(name):
    """All other operations of a file system, such as removing a file, raise OSError."""
    raise OSError(_EROFS)


def stat(path):
    """Answer import's question: is path a folder or a file? Raises OSError if it is neither.

    Import reads every exception as "not there", even Ctrl-C, lack of memory or a read error. So on
    any other failure, claim that the file exists and let open() raise the error.
    """
    global _failed
    kind = _FILE
    try:
        # Most paths are not here: built-in modules, and x and x.py before x.mpy.
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
    """Return the archive as an open file, positioned where path's content begins.

    Nothing marks the end: an .mpy contains its length, and the one file that is no module comes
    last. Raises OSError, and what stat() has stored.
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
