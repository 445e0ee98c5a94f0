"""Disk: what files and folders are to this server: kinds, names of its own, kept times, mounts."""

import os

import vfs
from micropython import const

from hal.files import on_fat
from services.borrow import use
from services.ftp.errors import FTPError
from services.ftp.files import paths

_IS_DIR = const(0x4000)
# The table of the times that clients gave to files; see times.py.
TIMES = "/.times"
_ENOENT = const(2)
_NAME_MAX = const(255)


def is_dir(found):
    """True where an os.stat() tuple is a folder's."""
    return bool(found[0] & _IS_DIR)


def taken(path):
    """The os.stat() of what has a name that is wanted, or None; OSError, FTPError: it can't be.

    LittleFS looks for a name of any length. FAT, which counts characters, answers EINVAL for one
    that it can't have.
    """
    if len(paths.split(path)[1].encode()) > _NAME_MAX and not on_fat(path):
        raise FTPError(553, "A name has 255 bytes at most.")
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno != _ENOENT:
            raise


def mounts():
    """The mount points; of ports before 1.25, which can't list them, the root alone."""
    try:
        return [point for _, point in vfs.mount()]
    except TypeError:
        return ["/"]


def holds_mount(path):
    """True where a file system is mounted at path or below it."""
    return any([paths.is_within(path, point) for point in mounts()])


def stat_of(path):
    """os.stat() of a path, with the time that a client gave the file where one holds."""
    found = os.stat(path)
    folder, name = paths.split(path)
    times = kept(folder)
    return times.applied(name, found) if times else found


def times():
    """The module of the clients' times (MFMT); None while there are none. MemoryError."""
    try:
        os.stat(TIMES)
    except OSError:
        return None
    return use("services.ftp.files.times")


def kept(folder):
    """The clients' times of a folder's files (times.Kept); None where there are none. MemoryError.

    Without them a mirror would take each file for a changed one: no answer is better.
    """
    module = times()
    return module.of_folder(folder) if module else None
