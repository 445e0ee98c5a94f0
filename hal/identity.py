"""Who this board is and why it started: asked once, at boot."""

import sys

import machine
from micropython import const

import hal

_CAUSES = const(("unknown", "power-on", "reset", "watchdog", "deep-sleep", "soft"))


def reset_cause():
    """What the port calls the reset; for a boot.py of Outpost 0.1, which does not ask recovery."""
    if not hasattr(machine, "reset_cause"):
        return "power-on"
    return _CAUSES[machine.reset_cause()]


def remembered():
    """Return the text of the last remember() and forget it; None where there is none."""
    try:
        text = hal.memory().partition(hal.MARK)[2].decode()
        hal.remember(None)
        return text or None
    except Exception:
        return None


def unique_id():
    """This board's own number as hex text; every plain unix port has the same."""
    number = machine.unique_id() if hasattr(machine, "unique_id") else b"unix"
    return "".join("%02x" % byte for byte in number)


def firmware():
    """The interpreter and its port, such as "MicroPython 1.29.0 on rp2"."""
    version = sys.implementation.version
    text = "MicroPython %d.%d.%d" % (version[0], version[1], version[2])
    if len(version) > 3 and version[3]:
        text += "-" + version[3]
    return text + " on " + sys.platform
