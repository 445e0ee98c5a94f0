"""The board's identity and the cause of its start: asked once, at boot."""

import sys

import machine
from micropython import const

import hal

_CAUSES = const(("unknown", "power-on", "reset", "watchdog", "deep-sleep", "soft"))


def reset_cause():
    """Return the port's reset cause; only for boot.py of Outpost 0.1, which has no resets.py."""
    if not hasattr(machine, "reset_cause"):
        return "power-on"
    return _CAUSES[machine.reset_cause()]


def remembered():
    """Return the text of the last remember() and clear it; None if there is none."""
    try:
        text = hal.memory().partition(hal.MARK)[2].decode()
        hal.remember(None)
        return text or None
    except Exception:
        return None


def unique_id():
    """Return this board's own number as hex text; all plain unix ports have the same."""
    number = machine.unique_id() if hasattr(machine, "unique_id") else b"unix"
    return "".join("%02x" % byte for byte in number)


def firmware():
    """Return the interpreter and its port, such as "MicroPython 1.29.0 on rp2"."""
    version = sys.implementation.version
    text = "MicroPython %d.%d.%d" % (version[0], version[1], version[2])
    if len(version) > 3 and version[3]:
        text += "-" + version[3]
    return text + " on " + sys.platform
