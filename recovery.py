"""What a board remembers across boots; imports nothing of ours, and no update replaces it."""

import json
import os

PATH = "/boot.json"
_NEW = "/boot.json.new"


def record():
    """The boot record: boots, cause. Empty where nothing was kept or it can't be read."""
    try:
        with open(PATH) as file:
            kept = json.load(file)
        return kept if isinstance(kept, dict) else {}
    except Exception:  # missing, damaged, or too big for the heap: a boot needs none of it
        return {}


def begin(cause):
    """Count this boot and keep its cause; return the record. Never raises.

    cause: why the board started, as hal.reset_cause() says. A full or broken file system must
    not stop the boot: then the record is right, but not kept.
    """
    kept = record()
    boots = kept.get("boots")
    kept["boots"] = boots + 1 if isinstance(boots, int) and boots >= 0 else 1
    kept["cause"] = cause
    try:
        keep(kept)
    except Exception as error:
        print("recovery: the boot record could not be kept:", error)
    return kept


def keep(kept):
    """Replace the record by rename: a power cut leaves the old one or the new one, whole."""
    with open(_NEW, "w") as file:
        json.dump(kept, file)
    os.rename(_NEW, PATH)


def settle():
    """Finish or undo an update that a power cut left half done: there are none yet.

    The update journal will stand in the record beside boots and cause, so that one rename moves
    both; begin() counts the boots of a trial, and this takes the update back after the third.
    """
