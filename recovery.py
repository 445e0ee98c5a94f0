"""The update journal, and what a board remembers across boots. Imports no other module of ours.

It runs before any file that an update may replace is imported. No update replaces this file unless
its manifest says so. Each step may be interrupted and repeated: docs/update.md.
"""

import json
import os
import sys

from micropython import const

_PATH = const("/boot.json")
_NEW = const("/boot.json.new")
NEXT = "/next"
PREV = "/prev"
PLAN = "/prev/plan"
_RESCUE = const("/rescue")

_BOOTS = const(3)  # boots of a trial that its own version caused
_POWER_ONS = const(10)  # power-ons of a trial: by a person, or by a version that browns out
_BAD_BOOTS = const(3)  # bad boots before rescue mode
_TEXT = const(120)  # characters of a reason
_SECTOR = const(512)  # bytes of a record on FAT
_ENOSPC = const(28)
GUARD = "recovery.guard"  # key in sys.modules for a trial's timer; outlives this module
UNPROVEN = "unproven"  # what hal.remember() stores if a version did not prove itself in time
_BITTEN = const("the watchdog reset it")

_ends = []  # the record's "end", which settle() removed before begin()


def record():
    """Return the boot record, {} if there is none or it is damaged.

    Raises MemoryError if it could not be read: don't replace it then, it may hold a trial.

    boots: number of boots. cause: why this one started. hung: the task that held the loop when the
    watchdog fired. bad, end: see begin() and ended(). rescues: see healthy(). version: of the last
    manifest. application: of the last one that was not Outpost's. update: state, boots, to, from,
    reason.
    """
    # FAT can't rename over a file, so there are two copies; one of them is always whole.
    return _read(_PATH) or _read(_NEW) or {}


def _read(path):
    try:
        with open(path) as file:
            kept = json.load(file)
        return kept if isinstance(kept, dict) else None
    except MemoryError:
        raise
    except Exception:  # missing or damaged: booting goes on without it
        return None


def keep(kept):
    """Replace the record; a power cut leaves the old or the new one. Raises OSError.

    LittleFS stores up to 128 bytes beside the file's name. If no block is free, write only the
    keys that matter, which fit there, so that the update can go on.
    """
    try:
        _write(kept)
    except OSError:
        update = update_of(kept)
        keys = ("boots", "bad", "version", "application")
        short = {key: kept[key] for key in keys if kept.get(key)}
        if update:
            short["update"] = {key: update[key] for key in ("state", "boots") if key in update}
        try:
            _write(short)
        except OSError:  # two long names: still too long
            if not short.pop("application", None):
                raise
            _write(short)


def _write(kept):
    text = json.dumps(kept, separators=(",", ":")).encode()
    if not on_fat():
        with open(_NEW, "wb") as file:
            file.write(text)
        os.rename(_NEW, _PATH)
        return
    if len(text) > _SECTOR:
        raise OSError(_ENOSPC)
    # A file may be damaged while it is written, so the other copy must be whole. Both are
    # overwritten at a fixed size, so that a full disk suffices.
    for path in (_NEW, _PATH) if _read(_PATH) else (_PATH, _NEW):
        with open(path, "r+b" if exists(path) else "wb") as file:
            file.write(text)
            file.write(b" " * (_SECTOR - len(text)))


def update_of(kept):
    """Return the journal of a record, {} if there is none."""
    update = kept.get("update")
    return update if isinstance(update, dict) else {}


def mark(state, **more):
    """Set the journal's state and other keys; "applying" starts a new one. Raises OSError."""
    kept = record()
    update = {} if state == "applying" else update_of(kept)
    update["state"] = state
    update.update(more)
    if state != "trial":
        _unguard()
    if update.get("reason"):
        update["reason"] = update["reason"][:_TEXT]
    kept["update"] = update
    if state in ("applying", "undoing"):
        kept["end"] = ""  # the reset that follows is intended
        kept.pop("bad", None)
    keep(kept)


def ended(why=""):
    """Note why this life ends, before the reset. why: "" if it was asked to, else what failed."""
    try:
        kept = record()
        if kept.get("end") != why:
            kept["end"] = why[:_TEXT]
            keep(kept)
    except Exception as error:
        print("recovery: how it ended could not be kept:", error)


def interrupted():
    """Ctrl-C: a person works at the board, so the next reset is no fault of the software."""
    _unguard()
    ended()


def healthy(in_rescue=False):
    """Clear the count of bad boots. Return how many healthy boots in a row were in rescue mode."""
    kept = record()
    bad = kept.pop("bad", None)
    rescues = kept.pop("rescues", 0)
    if not isinstance(rescues, int):  # edited by hand
        rescues = 0
    if in_rescue:
        kept["rescues"] = rescues + 1
    if bad or rescues:
        keep(kept)
    return rescues + 1


def begin(cause, hung=None):
    """Count this boot, store its cause and return the record. Never raises.

    cause: of reset_cause(). hung: of hal.remembered(): the task that held the loop, or what the
    last life lacked when it ended. A boot is bad if the life before ended by the watchdog, by an
    error that main.py could not handle, or by a reset that was not asked for. Power-ons don't
    count. If the file system is full or broken, the record is returned but not stored.
    """
    try:
        kept = record()
    except MemoryError:  # better not to count a boot than to lose an update
        return {}
    boots = kept.get("boots")
    kept["boots"] = boots + 1 if isinstance(boots, int) and boots >= 0 else 1
    end = kept.pop("end", None)
    if end is None and _ends:
        end = _ends.pop()
    if cause == "watchdog" and end == "":
        cause = "reset"  # the last life was already ending, or was at its prompt
    kept["cause"] = cause
    kept.pop("hung", None)
    who = " (%s)" % hung if hung else ""
    if cause == "watchdog":
        end = end or "the watchdog" + who
        update = update_of(kept)
        if hung and update.get("reason") == _BITTEN:  # settle() runs without hal
            why = "it did not prove itself in time" if hung == UNPROVEN else ""
            update["reason"] = why or "%s, %s hung" % (_BITTEN, hung)
        if hung and hung != UNPROVEN:
            kept["hung"] = hung
    elif cause in ("reset", "soft") and end is None and kept["boots"] > 1:  # 1: deploy's reset
        end = "a %sreset that nobody asked for" % ("soft " if cause == "soft" else "") + who
    try:
        if end and update_of(kept).get("state") != "trial":
            kept["bad"] = (kept.get("bad") or 0) + 1
            kept["why"] = end
        elif not kept.get("bad"):
            kept.pop("why", None)
        keep(kept)
    except Exception as error:
        print("recovery: the boot record could not be kept:", error)
    return kept


def rescue():
    """Return why this boot must start only what makes the board reachable, or None."""
    if exists(_RESCUE):
        return "the file %s is there: remove it and reboot" % _RESCUE
    kept = record()
    bad = kept.get("bad")
    if not isinstance(bad, int) or bad < _BAD_BOOTS or update_of(kept).get("state") == "trial":
        return None
    where = "" if bad == _BAD_BOOTS else "in rescue mode "
    why = kept.get("why", "?")
    return "%d boots ended badly within a minute, the last %sby: %s" % (bad, where, why)


def settle(cause="power-on", watchdog=True):
    """At each boot, first: finish or undo an update, count the boots of a trial.

    cause: of reset_cause(). watchdog: whether a trial may start the watchdog.
    """
    try:
        _settle(cause, watchdog)
    except Exception as error:
        # The next boot tries again. Until then the files in place may suffice for FTP.
        print("recovery: the update could not be settled:", error)


def _settle(cause, watchdog):
    kept = record()
    update = update_of(kept)
    state = update.get("state")
    if state not in ("applying", "trial", "undoing") and not exists(PREV):
        return
    import journal

    if state == "trial":
        why = _verdict(kept, update, cause)
        if why:
            state = _step(kept, update, "undoing", why)
        else:
            if cause == "power-on":
                update["power_ons"] = update.get("power_ons", 0) + 1
            elif not _is_no_fault(cause, kept.get("end")):
                update["boots"] = update.get("boots", 0) + 1
            _step(kept, update, "trial")
    elif state == "applying":
        try:
            journal.forward()
            for _ in journal.clearing(NEXT):
                pass
            update["boots"] = 1
            described = journal.header()
            kept["version"] = described.get("to")
            kept["application"] = described.get("application")
            state = _step(kept, update, "trial")
        except OSError as error:
            state = _step(kept, update, "undoing", "it could not be put in place: %s" % error)
    if state == "undoing":
        before = journal.header()
        went_back = journal.backward()
        if not update.get("boots"):  # the trial never began: some files are still staged
            for _ in journal.clearing(NEXT):
                pass
        if went_back:
            kept["version"] = before.get("version")
            kept["application"] = before.get("had")
            _step(kept, update, "rolled-back")
        else:
            _step(kept, update, "confirmed", "there was nothing in %s to go back to" % PREV)
    elif state == "trial":
        if watchdog:
            journal.watch_over(journal.header().get("trial_s"))
        return
    for _ in journal.sweeping():
        pass


def _step(kept, update, state, why=None):
    # Move "end" aside: if this boot hangs before begin(), it must not be read as its result.
    if "end" in kept:
        _ends.append(kept.pop("end"))
    update["state"] = state
    if why:
        update["reason"] = why[:_TEXT]
    kept["update"] = update
    keep(kept)
    return state


def _verdict(kept, update, cause):
    """Return why a version on trial has failed, or None."""
    end = kept.get("end")
    if end:
        return end
    if end is None and cause == "watchdog":
        return _BITTEN
    if _is_no_fault(cause, end):
        return None
    boots = update.get("boots")
    if not isinstance(boots, int) or (cause != "power-on" and boots >= _BOOTS):
        return "%d boots without a healthy minute" % _BOOTS
    if cause == "power-on" and update.get("power_ons", 0) >= _POWER_ONS:
        return "%d power-ons without a healthy minute" % _POWER_ONS
    return None


def _is_no_fault(cause, end):
    """Whether the cause of this start says nothing about the version on trial.

    A soft reset at the prompt follows an "end"; without one, an application did it.
    """
    return cause == "external" or (cause == "soft" and end is not None)


def _unguard():
    """Stop the timer of journal.watch_over()."""
    timer = sys.modules.pop(GUARD, None)
    if timer:
        timer.deinit()


def on_fat():
    """True if the root is FAT, or may be: a power cut can leave a rename there half done."""
    import vfs

    try:
        for system, point in vfs.mount():
            if point == "/":
                return isinstance(system, getattr(vfs, "VfsFat", ()))
    except TypeError:  # ports before 1.25 can't tell
        pass
    return hasattr(vfs, "VfsFat")


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False
