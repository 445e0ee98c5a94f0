"""What the tests of hal.Link share: a board with a fake of `network`."""

import json

import pytest

MACHINE = """
class Pin:
    IN, OUT = 1, 3
    def __init__(self, name):
        if name == 77:
            raise ValueError("invalid pin")
        self.name = name

class SPI:
    def __init__(self, bus, **options):
        self.made = [bus] + sorted((name, getattr(options[name], "name", options[name]))
                                   for name in options)

class RTC:
    def memory(self, data=None):
        return b""

def reset(): pass
def deepsleep(): pass
mem32 = {0x4005801C: 0}
"""

PRELUDE = """
import json, sys, time

class Implementation:
    version = (1, 29, 0, "")
    _machine = "A module with RP2040"

class Sys:  # hal chooses by sys.platform
    platform = sys.argv[2]
    implementation = Implementation
    modules = sys.modules

sys.path.insert(0, sys.argv[1])
real_sys, sys.modules["sys"] = sys, Sys
import hal
from hal import trouble
import network

def say(*values):
    print(json.dumps(values))

def why(lasts=False):
    return trouble.words(link.code(), link.ssid, lasts)
"""


@pytest.fixture
def board(micropython, tmp_path):
    """A callable(platform, network, script) -> list of what the script said."""

    def run(platform, network, script):
        (tmp_path / "machine.py").write_text(MACHINE)
        (tmp_path / "network.py").write_text(network)
        out = micropython(PRELUDE + script, tmp_path, platform)
        return [json.loads(line) for line in out.splitlines() if line.startswith("[")]

    return run
