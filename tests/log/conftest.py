"""A log service in the real interpreter, its root file system on a flash in memory."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import sys
sys.path.insert(0, %r)
import asyncio, gc, io, json, logging, os
import config
from services.log.options import OPTIONS
import ramflash
from services.events import Events
from services.borrow import borrow
from services.log import Log, crash
from services.log.files import RotatingFile
from services.log.lines import event_text, one_line
from services.site import SiteCommands
from services.status import Status
# What is mounted below has no modules.
import services.log.records
from services import status_text

# What is borrowed must have been imported before.
import services.log.quota
quota = sys.modules["services.log.quota"]
sys.modules["services.log.files"].borrow = lambda module, name: getattr(quota, name)
commands = borrow("services.log.commands", "COMMANDS")
sys.modules["services.site"].borrow = lambda module, name: commands
make = borrow("services.log.start", "make")
sys.modules["services.log.logger"].borrow = lambda module, name: make
status, events, site = Status(), Events(), SiteCommands()
flash = ramflash.RamFlash()
ramflash.mount(flash)

def text(path):
    with open(path) as file:
        return file.read()

def lines(path="/log/outpost.log"):
    return text(path).splitlines()

def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False

def traceback(message="broken"):
    try:
        raise ValueError(message)
    except ValueError as error:
        out = io.StringIO()
        sys.print_exception(error, out)
        return out.getvalue()

async def until(condition, what="it"):
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep_ms(5)
    raise AssertionError(what + " did not happen in 3 s")

async def start(log):
    task = asyncio.create_task(log.run())
    await asyncio.sleep_ms(0)
    return task

async def stop(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass

def say(name, value):
    print("@" + json.dumps([name, value]))
"""


def real_logging():
    """The folder of micropython-lib's logging, or None."""
    checkout = os.environ.get("MICROPYTHON_LIB")
    folders = [ROOT / "build" / "lib"]
    if checkout:
        folders.append(Path(checkout) / "python-stdlib" / "logging")
    return next((folder for folder in folders if (folder / "logging.py").is_file()), None)


class Board:
    """Runs scripts after the prelude; what they say() comes back as a dict."""

    def __init__(self, micropython, logging_folder):
        self._micropython = micropython
        self._prelude = PRELUDE % str(logging_folder)
        self.console = []

    def __call__(self, script, **options):
        out = self._micropython(self._prelude + script, **options)
        self.console = [line for line in out.splitlines() if not line.startswith("@")]
        said = [json.loads(line[1:]) for line in out.splitlines() if line.startswith("@")]
        return dict(said)


@pytest.fixture
def board(micropython):
    """A callable(script, heap=None) -> what the script said, with our logging stand-in."""
    return Board(micropython, ROOT / "tests" / "standins")


@pytest.fixture(params=["stand-in", "micropython-lib"])
def any_board(request, micropython):
    """The same with each logging there is."""
    folder = ROOT / "tests" / "standins" if request.param == "stand-in" else real_logging()
    if folder is None:
        pytest.skip("no micropython-lib: run `make deps`, or set MICROPYTHON_LIB to a checkout")
    return Board(micropython, folder)
