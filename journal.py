"""The moves of an update, rename by rename; imports recovery.py alone, and comes with it.

Each may be cut short by a power cut and done again. docs/update.md tells why in this order.
"""

import json
import os

from recovery import NEXT, PLAN, PREV, exists, on_fat

# FAT: each as big as the biggest file that may have to come back. One makes room for its copy on
# a full disk, the other for the clusters that a power cut loses.
SPARES = (PREV + "/spare0", PREV + "/spare1")
_FOLDER = 0x4000


def header():
    """What the plan says of itself: to, from, version, trial_s, needs, troubled."""
    try:
        with open(PLAN) as file:
            found = json.loads(file.readline())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def moves():
    """Yield (kind, path, where its old file is kept) of the plan, in its order.

    kind: r, a file replaced; n, a new one; d, one that goes; b, one that boots the board; m, a
    folder that was made for it. A line at a time: APPLY has little heap, and a whole Outpost has a
    hundred moves.
    """
    try:
        file = open(PLAN)
    except OSError:
        return
    with file:
        line = file.readline()
        number = 0
        while True:
            line = file.readline()
            if not line.endswith("\n"):
                return
            yield line[0], line[2:-1], "%s/%d" % (PREV, number)
            number += 1


def forward():
    """The old files to /prev, the new ones into their places; as often as need be."""
    fat = on_fat()
    for kind, path, old in moves():
        new = NEXT + path
        if fat:  # its renames can be cut in half: the old files were copied before
            if kind == "d" and exists(path):
                os.remove(path)
            elif kind in "rn" and exists(new):
                copy(new, path)
            continue
        if kind in "rd" and exists(path) and not exists(old):
            os.rename(path, old)
        if kind in "rnb" and exists(new):
            os.rename(new, path)


def backward():
    """The old files back into their places, from the last to the first; as often as need be.

    Return False where there is no plan any more.
    """
    fat = on_fat()
    for kind, path, old in reversed(list(moves())):
        if kind == "n":
            if exists(path):
                os.remove(path)
        elif kind != "m" and exists(old):
            if fat:
                _copy_back(old, path)
            else:
                os.rename(old, path)
    return exists(PLAN)


def _copy_back(old, path):
    """Move by copying: the next one finds the room of this one, however full the disk is."""
    spares = [spare for spare in SPARES if exists(spare)]
    while True:
        try:
            copy(old, path)
            break
        except OSError:
            if not spares:
                raise
            os.remove(spares.pop())
    os.remove(old)


def sweeping():
    """Remove /prev, and folders that an update made in vain or emptied; a file at each turn."""
    for kind, path in reversed([move[:2] for move in moves() if move[0] in "dm"]):
        if kind == "d":
            path = path[: path.rfind("/")]
        while path:
            try:
                os.rmdir(path)
            except OSError:
                break  # somebody else's files are in there, or it has gone
            path = path[: path.rfind("/")]
        yield
    yield from clearing(PREV)


def clearing(folder):
    """Remove a folder with all that lies in it, if it is there; a file at each turn."""
    folders = [folder]
    for folder in folders:  # grows on the way: what lies deeper stands behind
        try:
            names = [(entry[0], entry[1]) for entry in os.ilistdir(folder)]
        except OSError:
            continue
        for name, kind in names:
            if kind == _FOLDER:
                folders.append(folder + "/" + name)
            else:
                os.remove(folder + "/" + name)
                yield
    for folder in reversed(folders):
        try:
            os.rmdir(folder)
        except OSError:
            pass  # it never was


def copy(source, target):
    """Copy a file; OSError."""
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            piece = old.read(512)
            if not piece:
                return
            new.write(piece)
