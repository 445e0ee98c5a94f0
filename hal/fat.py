"""FAT: replaces a file so that a power cut leaves the old or the new one.

FAT's own rename over a file removes that file first: a power cut then leaves neither. If the two
directory entries are in different sectors, it writes the new entry before it removes the old one:
a power cut leaves one file under two names, and removing one of them frees the clusters of the
other [S: lib/oofatfs/ff.c f_rename, extmod/vfs_fat.c fat_vfs_rename].

So a complete file is first renamed to a name that contains its target: `.upload-3` becomes
`.upload-3-name`, and is called ready. From then on it replaces the target, and recover() finishes
that.
"""

import os
from time import ticks_diff, ticks_ms

from micropython import const

from hal.files import PREFIX

_SLICE_MS = const(5)
_PIECE = const(512)
_STEPS = const(6)  # more than are needed: a medium that ignores writes must not hang the boot
_COPY = const("c")  # suffix of a copy of an unfinished file
_OWN_FOLDERS = const(("/", "/log"))


def swap(part, path):
    """Rename part to path, over an existing file; recover() finishes it after a power cut.

    Raises OSError: then the old file is unchanged, or the new one replaces it at the next boot.
    """
    ready = _ready(part, path)
    try:
        os.rename(part, ready)
    except OSError:
        os.rename(part, path)  # the longer name doesn't fit
        return
    if _exists(path):
        try:
            os.remove(path)
        except OSError:
            os.rename(ready, part)
            raise
    os.rename(ready, path)


def is_ready(name):
    """Whether a file is ready, so that only recover() may touch it."""
    return name.startswith(PREFIX) and "-" in name[len(PREFIX) :]


def recover(ready, in_use=()):
    """Finish or undo a swap() that a power cut interrupted. Raises OSError.

    A generator that yields every 5 ms. Each step may be interrupted and repeated. in_use: paths of
    unfinished files that were opened since the boot.
    """
    for _ in range(_STEPS):
        if not _exists(ready):
            return
        folder = ready[: ready.rfind("/") + 1]
        cut = ready.find("-", len(folder) + len(PREFIX))
        part, path = ready[:cut], folder + ready[cut + 1 :]
        copy = part + _COPY
        before = _ready(part[:-1], path) if part.endswith(_COPY) else None
        if _exists(_ready(copy, path)):
            yield from recover(_ready(copy, path))
        elif _exists(part) and part not in in_use:
            # The rename to the ready name was interrupted. Remove part last: alone, the sweep
            # removes it.
            os.remove(ready)
            os.remove(part)
        elif before and _exists(before):
            # Two names of one file; this one is the copy. Remove the target first, so that
            # `before` can't be taken for another name of it.
            if _exists(path):
                os.remove(path)
            os.remove(before)
        elif not _exists(path):
            os.rename(ready, path)
        elif (yield from _alike(ready, path)):
            # Apparently two names of one file. Neither can be removed without the other's
            # clusters.
            yield from _copied(ready, copy)
            os.rename(copy, _ready(copy, path))
        else:
            os.remove(path)  # the old one


def settle(part, path):
    """Finish or undo replacing path by part, if a power cut interrupted it. Raises OSError."""
    for _ in recover(_ready(part, path)):
        pass


def settle_own():
    """At boot, before config.json is read: recover Outpost's own files, and config.json.

    These are small. Other uploads may be large, so FTP's sweep recovers them.
    """
    for folder in _OWN_FOLDERS:
        try:
            names = [entry[0] for entry in os.ilistdir(folder) if is_ready(entry[0])]
        except OSError:
            continue
        for name in names:
            target = name[name.find("-", len(PREFIX)) + 1 :]
            # The middle of an upload's name is a number.
            if name[len(PREFIX)].isdigit() and target != "config.json":
                continue
            try:
                for _ in recover(folder.rstrip("/") + "/" + name):
                    pass
            except OSError as error:
                print("fat:", name, error)


def _ready(part, path):
    return part + "-" + path[path.rfind("/") + 1 :]


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _alike(one, other):
    """Whether two files have the same content; a generator."""
    if os.stat(one)[6] != os.stat(other)[6]:
        return False
    since = ticks_ms()
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            piece = first.read(_PIECE)
            if piece != second.read(_PIECE):
                return False
            if not piece:
                return True
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                yield
                since = ticks_ms()


def _copied(source, target):
    """Copy a file; a generator."""
    since = ticks_ms()
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            piece = old.read(_PIECE)
            if not piece:
                return
            new.write(piece)
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                yield
                since = ticks_ms()
