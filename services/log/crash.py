"""The last traceback, in a file, so that it survives the reset that follows it."""

import os
from errno import EEXIST

from micropython import const

import hal
from hal.files import replace
from services import status

PATH = "/log/crash.txt"

# The clock counts as set from here on: a board without a set clock starts in 2000 or 2021.
_CLOCK_SET = const(1735689600)  # 2025-01-01
_started = hal.unix_time()
_told = [None, None]  # the last second and its text: lines often come within one second


def time_text():
    """Return the time, in UTC, as 2026-11-22T17:29:18Z; uptime=12s if the clock isn't set."""
    now = hal.unix_time()
    if now != _told[0]:
        _told[0] = now
        if now < _CLOCK_SET:
            _told[1] = "uptime=%ds" % max(now - _started, 0)
        else:
            _told[1] = status.time_text(now - hal.EPOCH)
    return _told[1]


def make_folder(path):
    """Create the missing folders above path. Raises OSError."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError as error:
            if error.errno != EEXIST:
                raise
        at = path.find("/", at + 1)


def save(text, path=PATH):
    """Store a traceback with its time, in place of the last one. Raises OSError."""
    make_folder(path)
    replace(path, (time_text(), "\n", text))


def load(path=PATH):
    """Return the stored time, line end and traceback as one text; None if there is none."""
    try:
        with open(path) as file:
            return file.read(2048)
    except (OSError, UnicodeError):
        return None


def place(text):
    """Return where a traceback ended, as file:line; "" if it doesn't say."""
    parts = _end(text)[0].split('"')
    if len(parts) < 3 or not parts[2].startswith(", line "):
        return ""
    return parts[1] + ":" + parts[2][7:].split(",")[0]


def summary(text):
    """Return a stored text as one line: time, exception, place."""
    when, _, traceback = text.partition("\n")
    return "%s %s at %s" % (when, _end(traceback)[1][:120], place(traceback) or "?")


def _end(text):
    """Return the last `File ...` line of a traceback, and the line after it: the exception."""
    at = text.rfind('  File "')
    lines = text[max(at, 0) :].split("\n", 2)
    return (lines[0], lines[1]) if at >= 0 and len(lines) > 1 else ("", lines[0])
