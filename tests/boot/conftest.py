"""What the tests of boot.py share: it runs in the real interpreter, on a flash in memory."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import json, os, sys
import hal, hal.fat, joining, journal, ramflash, recovery, resets
from hal import identity

with open(sys.argv[1]) as file:
    source = compile(file.read(), "boot.py", "exec")

class FakeLink:
    fails = False
    made = []
    def __init__(self, *options):
        self.made.append(options)
    def start(self):
        if self.fails:
            raise OSError("no radio")

hal.Link = FakeLink
flash = ramflash.RamFlash()
ramflash.mount(flash)

def boot():
    exec(source, {"__name__": "__main__"})

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def say(*values):
    print("@" + json.dumps(values))
"""


@pytest.fixture
def board(micropython):
    """A callable(script, timeout=30) -> (what the script said, the other lines)."""

    def run(script, **options):
        out = micropython(PRELUDE + script, ROOT / "boot.py", **options).splitlines()
        said = [json.loads(line[1:]) for line in out if line.startswith("@")]
        return said, [line for line in out if not line.startswith("@")]

    return run
