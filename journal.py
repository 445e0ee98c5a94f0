"""The moves of an update, rename by rename, and the guard of its trial; comes with recovery.py.

Each move may be cut short by a power cut and done again. docs/update.md tells why in this order.
"""

import json
import os
import sys

from recovery import GUARD, NEXT, PLAN, PREV, UNPROVEN, exists, on_fat

# FAT: each as big as the biggest file that may have to come back. One makes room for its copy on
# a full disk, the other for the clusters that a power cut loses.
SPARES = (PREV + "/spare0", PREV + "/spare1")
_FOLDER = 0x4000
_WATCHDOG_MS = 8000  # RP2040's hardware counts to 8,388 ms at most
_PATIENCE = 12  # trials' lengths until one that says nothing is over,
_BOOT_S = 20  # after so long for the boot, on a busy board


def header():
    """What the plan says of itself: see apply._plan()."""
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


def watch_over(trial_s):
    """Bring a version on trial back that hangs as it is imported, or that forgets to prove itself.

    Nothing of it has run yet; hal, whose affair `machine` is elsewhere, is a part of it.
    """
    try:
        import machine

        machine.WDT(timeout=_WATCHDOG_MS)
    except (ImportError, AttributeError):
        return  # the plain unix port

    modules = sys.modules
    why = UNPROVEN

    def over(timer):
        # This module's own names are gone by now: assemble.py lets go of what only boots need.
        # No file is touched in a callback: it may run in the middle of LittleFS, or of a write to
        # flash. So the watchdog does it, and the next boot takes the version back.
        try:
            modules["hal"].remember(why)
        except Exception:
            pass  # this version's hal is another: then nobody tells why
        while True:
            pass

    # The software timer of RP2 and of ESP32 from 1.29 on, else an ESP32's first hardware timer;
    # hal's is another one. 1.24 would take -1 for hardware timer 3, which few chips have.
    old = sys.platform == "esp32" and sys.implementation.version < (1, 25)
    period = 1000 * (_BOOT_S + _PATIENCE * (trial_s if isinstance(trial_s, int) else 60))
    for number in (0,) if old else (-1, 0):
        try:
            timer = machine.Timer(number)
            timer.init(mode=machine.Timer.ONE_SHOT, period=period, callback=over)
            sys.modules[GUARD] = timer  # an RP2's ends with the last reference to it
            return
        except Exception as error:
            trouble = error
    print("journal: nobody watches over the trial:", trouble)
