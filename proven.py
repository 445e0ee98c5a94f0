"""Proven: the files of a configuration: on trial, proven, taken back; loaded when needed.

/config.json is what the operator sent. /config.last is the last one that proved itself. Only
prove() writes it, and config.put(), which keeps the two equal if they were. If both are equal,
config.json is proven; else it is on trial. take_back() stores the failed one as
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
_TOLD = const("told ")  # prefix of the file once its event was published
_LONGEST = const(300)  # characters of a reason


def content(path):
    """Return the bytes of a file, None if there is none. Raises OSError if it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return None


def digest():
    """Return the SHA-256 of config.json, b"" if there is none. Raises OSError."""
    found = content(CONFIG)
    return b"" if found is None else sha256(found).digest()


def prove():
    """Make config.json the proven one; forget why an earlier one failed. Raises OSError."""
    replace(LAST, (content(CONFIG),))
    _remove(_WHY)


def take_back(why):
    """Move config.json to the failed one and put the proven one in its place. Raises OSError.

    A power cut leaves config.json unchanged, or missing (the next boot restores the proven one),
    or replaced.
    """
    proven = content(LAST)
    if proven is None:
        raise OSError(ENOENT)
    try:
        replace(_WHY, (why[:_LONGEST],))
    except OSError:
        pass  # a full disk: going back matters more than the reason
    if not on_fat(CONFIG):
        # One rename, which needs no free block.
        os.rename(CONFIG, FAILED)
    else:
        # A power cut in FAT's rename can leave one file under two names, so copy.
        try:
            replace(FAILED, (content(CONFIG),))
            replace(CONFIG, (proven,))
            return
        except OSError:
            _remove(CONFIG)  # a full disk: make room for the proven one
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
    """Report in STAT, and once as an event, that a configuration was taken back, and why."""
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
            pass  # it is reported once more


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it doesn't exist
