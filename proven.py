"""Proven: the files of a configuration's life: on trial, proven, taken back; loaded when needed.

/config.json is what the operator sent, /config.last the last one that has proven itself: prove()
alone writes it, and config.put(), which keeps it equal where the two were equal. Where both have
the same bytes, config.json is proven; else it is on trial. take_back() keeps the failed one as
/config.failed.json and its reason in /config.why.
"""

import os
from errno import ENOENT
from hashlib import sha256

from micropython import const

from hal.files import on_fat, replace

CONFIG = const("/config.json")
LAST = const("/config.last")
FAILED = const("/config.failed.json")
_WHY = const("/config.why")
_TOLD = const("told ")  # what it begins with once the event was published
_LONGEST = const(300)  # characters of a reason


def content(path):
    """The bytes of a file; None where there is none. OSError where it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return None


def digest():
    """The SHA-256 of config.json, b"" without one; OSError."""
    found = content(CONFIG)
    return b"" if found is None else sha256(found).digest()


def prove():
    """Make config.json the proven one; what was told of an earlier one is forgotten. OSError."""
    replace(LAST, (content(CONFIG),))
    _remove(_WHY)


def take_back(why):
    """Put the proven file in config.json's place, which stays as the failed one; OSError.

    A power cut at any write leaves config.json as it was, or missing beside the proven one, which
    the next boot puts back, or all of it done.
    """
    proven = content(LAST)
    if proven is None:
        raise OSError(ENOENT)
    try:
        replace(_WHY, (why[:_LONGEST],))
    except OSError:
        pass  # a full disk: to come back matters more than to say why
    if not on_fat(CONFIG):
        # One step, which needs no room.
        os.rename(CONFIG, FAILED)
    else:
        # A cut in FAT's rename can leave one file under two names.
        try:
            replace(FAILED, (content(CONFIG),))
            replace(CONFIG, (proven,))
            return
        except OSError:
            _remove(CONFIG)  # a full disk: it gives the room for the proven one
    replace(CONFIG, (proven,))


def reason():
    """Return (why the last one was taken back or None, whether its event was published)."""
    try:
        with open(_WHY) as file:
            text = file.read()
    except (OSError, UnicodeError):
        return None, True
    return (text[len(_TOLD) :], True) if text.startswith(_TOLD) else (text, False)


def tell(section, events):
    """Say in STAT, and once as an event, that a configuration was taken back, and why."""
    why, told = reason()
    if not why:
        return
    section["state"] = "reverted"
    section["reason"] = why
    if not told:
        events.publish("config/reverted", error=why)
        try:
            replace(_WHY, (_TOLD, why))
        except OSError:
            pass  # it is told once more


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # there is none
