"""The moves of an update, rename by rename, and the timer that guards its trial.

Loaded by recovery.py while there is an update. A power cut may interrupt each move; it is then
repeated. docs/update.md gives the reasons for their order.
"""

import json
import os
import sys

from recovery import GUARD, NEXT, PLAN, PREV, UNPROVEN, exists, on_fat

# On FAT, two files, each as big as the biggest file that may have to be restored. One makes room
# for its copy on a full disk, the other for the clusters that a power cut loses.
SPARES = (PREV + "/spare0", PREV + "/spare1")
_FOLDER = 0x4000
_WATCHDOG_MS = 8000  # RP2040's hardware counts to 8,388 ms at most
_PATIENCE = 12  # a trial that never ends by itself is ended after this many times trial_s,
_BOOT_S = 20  # plus so many seconds for the boot on a busy board


def header():
    """Return the first line of the plan as a dict; apply._plan() says what it holds."""
    try:
        with open(PLAN) as file:
            found = json.loads(file.readline())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def moves():
    """Yield (kind, path, where the old file is kept) for each move of the plan, in its order.

    kind: r, replaced file; n, new file; d, deleted file; b, a file that boots the board; m, a
    folder made for the update. Read line by line, because APPLY has little heap and all of Outpost
    is a hundred moves.
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
    """Move the old files to /prev and the new ones to their places. May be repeated."""
    fat = on_fat()
    for kind, path, old in moves():
        new = NEXT + path
        if fat:  # a power cut can halve a rename there, so APPLY copied the old files
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
    """Move the old files back to their places, last one first. May be repeated.

    Return False if the plan is gone.
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
    """Move a file by copying. Each removed source makes room for the next copy on a full disk."""
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
    """Remove /prev and the folders that the update left empty. Yields after each file."""
    for kind, path in reversed([move[:2] for move in moves() if move[0] in "dm"]):
        if kind == "d":
            path = path[: path.rfind("/")]
        while path:
            try:
                os.rmdir(path)
            except OSError:
                break  # not empty, or already gone
            path = path[: path.rfind("/")]
        yield
    yield from clearing(PREV)


def clearing(folder):
    """Remove a folder and all its contents, if it exists. Yields after each file."""
    folders = [folder]
    for folder in folders:  # the loop appends: subfolders come after their parents
        try:
            names = []
            for entry in os.ilistdir(folder):
                if not entry[0]:  # a damaged folder: MicroPython would yield this for ever
                    break
                names.append((entry[0], entry[1]))
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
            pass  # it did not exist


def copy(source, target):
    """Copy a file. Raises OSError."""
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            piece = old.read(512)
            if not piece:
                return
            new.write(piece)


def watch_over(trial_s):
    """Undo a version on trial that hangs during import or doesn't prove itself in time.

    No code of the version has run yet. hal is part of it, so `machine` is used here directly.
    """
    try:
        import machine

        machine.WDT(timeout=_WATCHDOG_MS)
    except (ImportError, AttributeError):
        return  # the plain unix port

    modules = sys.modules
    why = UNPROVEN

    def over(timer):
        # assemble.py has cleared this module's globals by now (see _let_go), so use local names.
        # Don't touch files: this may run in the middle of a write to flash. Loop until the
        # watchdog resets the board; the next boot undoes the update.
        try:
            modules["hal"].remember(why)
        except Exception:
            pass  # this version's hal is different: the reason is lost
        while True:
            pass

    # Use the software timer on RP2 and on ESP32 from 1.29 on, else an ESP32's first hardware
    # timer; hal uses another one. 1.24 would read -1 as hardware timer 3, which few chips have.
    old = sys.platform == "esp32" and sys.implementation.version < (1, 25)
    period = 1000 * (_BOOT_S + _PATIENCE * (trial_s if isinstance(trial_s, int) else 60))
    for number in (0,) if old else (-1, 0):
        try:
            timer = machine.Timer(number)
            timer.init(mode=machine.Timer.ONE_SHOT, period=period, callback=over)
            sys.modules[GUARD] = timer  # keep a reference: without one, an RP2's timer ends
            return
        except Exception as error:
            trouble = error
    print("journal: nobody watches over the trial:", trouble)
