"""What a program sees of the simulated port: its `sys`, `gc`, `os`, and network."""

import gc
import os
import sys

import _network
import _pace
import _sockets
from _host import rules

_MACHINES = {
    "rp2": "Raspberry Pi Pico W with RP2040",
    "esp32": "Generic ESP32 module with ESP32",
}


class _Implementation:
    name = sys.implementation.name
    version = tuple(rules["version"]) + ("",)
    _machine = _MACHINES[rules["port"]]
    _mpy = sys.implementation._mpy


def _stand_in(module, ours):
    """Return a replacement for a builtin module: its members, some of them replaced by ours."""
    members = {name: getattr(module, name) for name in dir(module) if name != "__dict__"}
    members.update(ours)
    # A class stands in for the module, which can't be created. Functions become static methods.
    for name in members:
        if callable(members[name]):
            members[name] = staticmethod(members[name])
    return type(module.__name__, (), members)


def play():
    """Put them where `import` finds them first, like modules that were imported before."""
    told = {"platform": rules["port"], "implementation": _Implementation}
    sys.modules["sys"] = _stand_in(sys, told)
    sys.modules["gc"] = _stand_in(gc, _pace.HEAP)
    sys.modules["os"] = _stand_in(os, _pace.FLASH)
    sys.modules["network"] = _network
    sys.modules["socket"] = _sockets
