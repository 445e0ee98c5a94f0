"""The last traceback, kept in a file so that it survives the reset that follows it."""

import os
from errno import EEXIST

from micropython import const

import hal
from hal.files import replace
from services import status

PATH = "/log/crash.txt"

# A clock that says less was never set: boards start in 2000 or 2021.
_CLOCK_SET = const(1735689600)  # 2025-01-01
_started = hal.unix_time()
_told = [None, None]  # the second that was last asked for, and its text: lines come in bursts


def time_text():
    """Now, in UTC, as 2026-11-22T17:29:18Z; as uptime=12s while the clock isn't set."""
    now = hal.unix_time()
    if now != _told[0]:
        _told[0] = now
        if now < _CLOCK_SET:
            _told[1] = "uptime=%ds" % max(now - _started, 0)
        else:
            _told[1] = status.time_text(now - hal.EPOCH)
    return _told[1]


def make_folder(path):
    """Make the folders above path where they are missing; OSError where they can't be."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError as error:
            if error.errno != EEXIST:
                raise
        at = path.find("/", at + 1)


def save(text, path=PATH):
    """Keep a traceback with its time, in place of the one before; OSError where that fails."""
    make_folder(path)
    replace(path, (time_text(), "\n", text))


def load(path=PATH):
    """The kept text, its time on the first line, then the traceback; None where there is none."""
    try:
        with open(path) as file:
            return file.read(2048)
    except (OSError, UnicodeError):
        return None


def place(text):
    """Where a traceback ended, as file:line; an empty text where it doesn't say."""
    parts = _end(text)[0].split('"')
    if len(parts) < 3 or not parts[2].startswith(", line "):
        return ""
    return parts[1] + ":" + parts[2][7:].split(",")[0]


def summary(text):
    """One line of a kept text: when, what, where."""
    when, _, traceback = text.partition("\n")
    return "%s %s at %s" % (when, _end(traceback)[1][:120], place(traceback) or "?")


def _end(text):
    """The last `File ...` line of a traceback, and the line after it: the exception."""
    at = text.rfind('  File "')
    lines = text[max(at, 0) :].split("\n", 2)
    return (lines[0], lines[1]) if at >= 0 and len(lines) > 1 else ("", lines[0])
