"""Finds /outpost.bin, the archive of Outpost's modules, and mounts it; once at each boot.

An update may replace it: recovery.py comes first, and needs no archive.
"""

import os
import sys
from binascii import crc32

import vfs
from micropython import const

import archivefs

_POINT = const("/.o")  # short: the path of each module stays in the heap
# Where one of them lies, plain files do: it comes last and goes first, so that they are whole.
_PLAIN = const(("daemon.py", "daemon.mpy"))
_MAGIC = const(b"OPA1")
_HEAD = const(24)
_PIECE = const(128)


def start():
    """Mount the archive, where it counts, so that imports look there before they look on flash.

    ValueError, OSError: it is damaged, and is not mounted.
    """
    path = archivefs.PATH
    there = os.listdir("/")
    if path[1:] not in there or any([name in there for name in _PLAIN]):
        return
    archivefs.names = _checked(path)
    vfs.mount(archivefs, _POINT)
    sys.path.insert(0, _POINT)
    sys.path.append(_POINT + "/lib")


def _checked(path):
    """The names in the archive's head; ValueError where it isn't whole, or not for this board."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        if head[:4] != _MAGIC or file.seek(0, 2) != _number(head[4:8]):
            raise ValueError("%s is damaged, or not whole" % path)
        if head[12] != getattr(sys.implementation, "_mpy", head[12]) & 0xFF:
            raise ValueError("%s is for another MicroPython: .mpy %d" % (path, head[12]))
        file.seek(_HEAD)
        check = 0
        for _ in range(head[-1]):
            check = crc32(file.read(_PIECE), check)
        names = file.read(head[13])
    if crc32(names, check) != _number(head[8:12]):
        raise ValueError("%s is damaged" % path)
    return names.decode()


def _number(content):
    return int.from_bytes(content, "little")
