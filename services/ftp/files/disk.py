"""Disk: how the server sees files and folders: kinds, reserved names, stored times, mounts."""

import os

import vfs
from micropython import const

from hal.files import on_fat
from services.borrow import use
from services.ftp.errors import FTPError
from services.ftp.files import paths

_IS_DIR = const(0x4000)
# The table of the times that clients set (MFMT); see times.py.
TIMES = "/.times"
_ENOENT = const(2)
_NAME_MAX = const(255)


def is_dir(found):
    """Whether an os.stat() tuple is a folder's."""
    return bool(found[0] & _IS_DIR)


def taken(path):
    """Return the os.stat() of an existing path, None if the name is free.

    Raises OSError or FTPError if a file can't have that name. LittleFS looks up names of any
    length. FAT counts characters, and answers EINVAL for an invalid name.
    """
    if len(paths.split(path)[1].encode()) > _NAME_MAX and not on_fat(path):
        raise FTPError(553, "A name has 255 bytes at most.")
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno != _ENOENT:
            raise


def mounts():
    """Return the mount points; only the root on ports before 1.25, which can't list them."""
    try:
        return [point for _, point in vfs.mount()]
    except TypeError:
        return ["/"]


def holds_mount(path):
    """Whether a file system is mounted at path or below it."""
    return any([paths.is_within(path, point) for point in mounts()])


def stat_of(path):
    """Return os.stat() of a path, with the time that a client set, if that is still valid."""
    found = os.stat(path)
    folder, name = paths.split(path)
    times = kept(folder)
    return times.applied(name, found) if times else found


def times():
    """Return the module of the clients' times (MFMT), None without any. Raises MemoryError."""
    try:
        os.stat(TIMES)
    except OSError:
        return None
    return use("services.ftp.files.times")


def kept(folder):
    """Return the clients' times of a folder's files (times.Kept); None if there are none.

    Raises MemoryError: without the times a mirror would take every file for changed, so no answer
    is better.
    """
    module = times()
    return module.of_folder(folder) if module else None
