"""FAT: a file takes the place of another so that a power cut leaves one of both.

FAT's own rename over a file removes that file first: a cut then leaves neither. And it writes
the new entry before it removes the old one, where they lie in two sectors: a cut between leaves
one file under two names, and to remove one of them frees the clusters of the other [S:
lib/oofatfs/ff.c f_rename, extmod/vfs_fat.c fat_vfs_rename].

So a file that is whole is called ready first, by a name that tells where it belongs:
`.upload-3-name` was `.upload-3`. From then on it is what counts, and recover() goes on with it.
"""

import os
from time import ticks_diff, ticks_ms

from micropython import const

from hal.files import PREFIX

_SLICE_MS = const(5)
_PIECE = const(512)
_STEPS = const(6)  # more than it takes: a medium that writes nothing must not hang the boot
_COPY = const("c")  # behind an unfinished file's name: its copy
_OWN_FOLDERS = const(("/", "/log"))


def swap(part, path):
    """Rename part to path, over a file that may be there; recover() settles what a cut leaves.

    OSError: the old file is as it was, or the new one takes its place at the next boot.
    """
    ready = _ready(part, path)
    try:
        os.rename(part, ready)
    except OSError:
        os.rename(part, path)  # its name has no room for more letters
        return
    if _exists(path):
        try:
            os.remove(path)
        except OSError:
            os.rename(ready, part)
            raise
    os.rename(ready, path)


def is_ready(name):
    """Whether a file's name is one that only recover() may touch."""
    return name.startswith(PREFIX) and "-" in name[len(PREFIX) :]


def recover(ready, in_use=()):
    """Settle what a power cut left of a swap(): its target is then as before it, or after it.

    A generator: it yields every 5 ms. Each step may be cut short and done again. in_use: paths
    of unfinished files that were opened in this life. OSError.
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
            # It was only about to be called ready. Its old name goes last: alone it is swept.
            os.remove(ready)
            os.remove(part)
        elif before and _exists(before):
            # Two names of one file, of which this is the copy. The target goes first: what
            # stands beside `before` is then no longer taken for a name of this one.
            if _exists(path):
                os.remove(path)
            os.remove(before)
        elif not _exists(path):
            os.rename(ready, path)
        elif (yield from _alike(ready, path)):
            # Two names of one file, as it seems: neither can be removed without its clusters.
            yield from _copied(ready, copy)
            os.rename(copy, _ready(copy, path))
        else:
            os.remove(path)  # the old one


def settle(part, path):
    """Settle what a cut left of replacing path by part, if anything; OSError."""
    for _ in recover(_ready(part, path)):
        pass


def settle_own():
    """At boot, before config.json is read: settle Outpost's own files, and an upload of that.

    All of them are small. Other uploads may be large; they wait for FTP's sweep.
    """
    for folder in _OWN_FOLDERS:
        try:
            names = [entry[0] for entry in os.ilistdir(folder) if is_ready(entry[0])]
        except OSError:
            continue
        for name in names:
            target = name[name.find("-", len(PREFIX)) + 1 :]
            # An upload's own name is a number.
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
