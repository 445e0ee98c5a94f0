"""The small files that Outpost writes: a power cut leaves the old content or the new one."""

import os

import vfs

_FAT = getattr(vfs, "VfsFat", None)

# What every unfinished file is called, whoever writes it. A sweep at boot removes them.
PREFIX = ".upload-"


def on_fat(path):
    """True where a path lies on FAT, whose rename over a file removes that first.

    Also where the port can't tell.
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
    """Make the pieces, each text or bytes, the content of the file at path. OSError.

    They are written to a file beside it, which then takes its place. Where that fails the old
    file stays as it was.
    """
    folder, _, name = path.rpartition("/")
    part = "%s/%s%s" % (folder, PREFIX, name.replace("-", "_"))  # hal/fat.py cuts names at a "-"
    fat = None
    if on_fat(path):
        from hal import fat  # stays: a full heap must not keep a traceback from being written

        fat.settle(part, path)
    try:
        with open(part, "wb") as file:
            for piece in pieces:
                file.write(piece)
        if fat:
            fat.swap(part, path)
        else:
            os.rename(part, path)  # LittleFS: no power cut can halve it
    except (OSError, MemoryError):
        try:
            os.remove(part)
        except (OSError, MemoryError):
            pass  # the next replace() or the sweep at boot does it
        raise
