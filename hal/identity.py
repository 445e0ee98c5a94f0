"""Who this board is and why it started: asked once, at boot."""

import sys

import machine

from hal import planned_reset

_CAUSES = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
    ("BROWN_OUT_RESET", "brown-out"),
)


def reset_cause():
    """Why the board started: power-on, reset, watchdog, deep-sleep, soft or brown-out."""
    if not hasattr(machine, "reset_cause"):
        return "power-on"
    cause = machine.reset_cause()
    for name, text in _CAUSES:
        # A port has only the constants of the causes that it can tell apart.
        if getattr(machine, name, None) == cause:
            return "reset" if text == "watchdog" and planned_reset() else text
    return "reset"


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
