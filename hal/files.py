"""Replaces Outpost's small files so that a power cut leaves the old content or the new."""

import os

import vfs

_FAT = getattr(vfs, "VfsFat", None)

# Prefix of all unfinished files, of FTP too. A sweep at boot removes them.
PREFIX = ".upload-"


def on_fat(path):
    """True if path is on FAT, whose rename over a file removes that file first.

    Also true if the port can't tell.
    """
    if not _FAT:
        return False
    longest = 0
    found = False
    try:
        for system, point in vfs.mount():
            if len(point) > longest and (path + "/").startswith(point.rstrip("/") + "/"):
                longest = len(point)
                found = isinstance(system, _FAT)
    except TypeError:  # ports before 1.25
        return True
    return found


def replace(path, pieces):
    """Write the pieces, each str or bytes, as the new content of the file at path. Raises OSError.

    They go to a file beside it, which is renamed over it. On failure the old file is unchanged.
    """
    folder, _, name = path.rpartition("/")
    part = "%s/%s%s" % (folder, PREFIX, name.replace("-", "_"))  # hal/fat.py cuts names at a "-"
    fat = None
    if on_fat(path):
        from hal import fat  # never unloaded, so that a traceback can be written with a full heap

        fat.settle(part, path)
    try:
        with open(part, "wb") as file:
            for piece in pieces:
                file.write(piece)
        if fat:
            fat.swap(part, path)
        else:
            os.rename(part, path)  # a power cut can't halve a rename on LittleFS
    except (OSError, MemoryError):
        try:
            os.remove(part)
        except (OSError, MemoryError):
            pass  # the next replace() or the sweep at boot removes it
        raise
