"""The update journal, and what a board remembers across boots; imports nothing of ours.

It works before any file that an update may replace is imported, and no update replaces it unless
it says so. docs/update.md describes the journal; every step may be cut short and done again.
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

_BOOTS = const(3)  # of a trial, that its version ended itself
_POWER_ONS = const(10)  # of a trial: a button that a person pressed, or a version that browns out
_BAD_BOOTS = const(3)  # until rescue mode
_TEXT = const(120)  # characters of a reason
_SECTOR = const(512)  # bytes of a record on FAT
_ENOSPC = const(28)
GUARD = "recovery.guard"  # where sys.modules holds the timer of a trial, whoever forgets recovery
UNPROVEN = "unproven"  # what hal.remember() keeps of a version that forgot to prove itself
_BITTEN = const("the watchdog reset it")

_ends = []  # what settle() has taken out of the record before begin()


def record():
    """The boot record. Empty where nothing was kept or it is damaged.

    MemoryError: it may be there, and must not be replaced by one that knows nothing of a trial.

    boots, cause: of all boots, of this one. hung: who held the loop when the watchdog came.
    bad, end: see begin() and ended(). rescues: see healthy(). version: of the last manifest;
    application: of the last that was not Outpost's. update: state, boots of the trial, to, from,
    reason.
    """
    # FAT can't replace a file: there both are kept, and one of them is whole.
    return _read(_PATH) or _read(_NEW) or {}


def _read(path):
    try:
        with open(path) as file:
            kept = json.load(file)
        return kept if isinstance(kept, dict) else None
    except MemoryError:
        raise
    except Exception:  # missing or damaged: a boot needs none of it
        return None


def keep(kept):
    """Replace the record: a power cut leaves the old one or the new one, whole. OSError.

    LittleFS holds 128 bytes beside a file's name. What matters fits in there, so that a journal
    goes on where every block is taken.
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
        except OSError:  # two long names
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
    # What is written may not be whole for a while: then the other one must be. In its place,
    # and always of one size, so that it needs no room on a full disk.
    for path in (_NEW, _PATH) if _read(_PATH) else (_PATH, _NEW):
        with open(path, "r+b" if exists(path) else "wb") as file:
            file.write(text)
            file.write(b" " * (_SECTOR - len(text)))


def update_of(kept):
    """The journal in a record; an empty one where there is none."""
    update = kept.get("update")
    return update if isinstance(update, dict) else {}


def mark(state, **more):
    """Set the journal's state, and what else it says; "applying" begins a new one. OSError."""
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
        kept["end"] = ""  # the reset that follows is asked for
        kept.pop("bad", None)
    keep(kept)


def ended(why=""):
    """Note how this life ends, before the reset: "" as it was asked to, else what failed."""
    try:
        kept = record()
        if kept.get("end") != why:
            kept["end"] = why[:_TEXT]
            keep(kept)
    except Exception as error:
        print("recovery: how it ended could not be kept:", error)


def interrupted():
    """Ctrl-C: a person works at the board. What this life ends by is no fault of its software."""
    _unguard()
    ended()


def healthy(in_rescue=False):
    """Forget the bad boots: this one has lived. Return how often in a row that was rescue mode."""
    kept = record()
    bad = kept.pop("bad", None)
    rescues = kept.pop("rescues", 0)
    if not isinstance(rescues, int):  # somebody wrote it
        rescues = 0
    if in_rescue:
        kept["rescues"] = rescues + 1
    if bad or rescues:
        keep(kept)
    return rescues + 1


def begin(cause, hung=None):
    """Count this boot and keep its cause; return the record. Never raises.

    cause: why the board started, as resets.reset_cause() says. hung: who held the loop then, as
    hal.remembered() says, or what that life lacked for its last words. A boot is bad after one
    that ended by the watchdog, by what main.py could not cope with, or by a reset that nobody
    asked for. Power comes and goes, and that says nothing. A full or broken file system must not
    stop the boot: then the record is right, but not kept.
    """
    try:
        kept = record()
    except MemoryError:  # a boot that is not counted is better than an update that is forgotten
        return {}
    boots = kept.get("boots")
    kept["boots"] = boots + 1 if isinstance(boots, int) and boots >= 0 else 1
    end = kept.pop("end", None)
    if end is None and _ends:
        end = _ends.pop()
    if cause == "watchdog" and end == "":
        cause = "reset"  # it was going down, or somebody worked at the prompt
    kept["cause"] = cause
    kept.pop("hung", None)
    who = " (%s)" % hung if hung else ""
    if cause == "watchdog":
        end = end or "the watchdog" + who
        update = update_of(kept)
        if hung and update.get("reason") == _BITTEN:  # settle() knew no more, without hal
            why = "it did not prove itself in time" if hung == UNPROVEN else ""
            update["reason"] = why or "%s, %s hung" % (_BITTEN, hung)
        if hung and hung != UNPROVEN:
            kept["hung"] = hung
    elif cause in ("reset", "soft") and end is None and kept["boots"] > 1:  # the first: deploy's
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
    """Why this boot shall start only what reaches the board; None where it needn't."""
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
    """Finish or undo an update, count the boots of a trial; at each boot, before all else.

    cause: as resets.reset_cause() says. watchdog: whether a trial may start it.
    """
    try:
        _settle(cause, watchdog)
    except Exception as error:
        # The next boot tries again; until then whatever is in place may be enough for FTP.
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
        if not update.get("boots"):  # it never came as far as its trial: a part is still staged
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
    if "end" in kept:  # not to be taken for the end of a life that hangs before begin()
        _ends.append(kept.pop("end"))
    update["state"] = state
    if why:
        update["reason"] = why[:_TEXT]
    kept["update"] = update
    keep(kept)
    return state


def _verdict(kept, update, cause):
    """Why a version on trial has failed; None while it hasn't."""
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
    """Whether why the board started says nothing of the version on trial.

    A soft reset is a person's at the prompt, whose life before ended in a known way; else it is
    an application's.
    """
    return cause == "external" or (cause == "soft" and end is not None)


def _unguard():
    """End what journal.watch_over() began."""
    timer = sys.modules.pop(GUARD, None)
    if timer:
        timer.deinit()


def on_fat():
    """True where the root is a FAT, whose renames a power cut can halve, or may be one."""
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
