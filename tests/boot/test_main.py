"""main.py, daemon.py: wherever Ctrl-C comes, the board stays at its prompt; that is no bad end."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import asyncio, json, sys
where = sys.argv[2]
calls = []


def press(place):
    if place == where:
        raise KeyboardInterrupt


class hal:
    room = remember = uptime = None

    @staticmethod
    def watchdog():
        calls.append("watchdog")
        press("watchdog")

    @staticmethod
    def timer(period, callback):
        calls.append("look" if callback else "nobody feeds")

    @staticmethod
    def feed_from_timer():
        calls.append("fed")

    @staticmethod
    def sync():
        press("sync")

    @staticmethod
    def reset():
        calls.append("reset")
        raise SystemExit


class recovery:
    @staticmethod
    def interrupted():
        calls.append("interrupted")

    @staticmethod
    def ended(why):
        press("ended")


class Supervisor:
    failed = None

    def __init__(self, *given, **more):
        self.stopping = asyncio.Event()

    look = None

    def stop(self, how):
        self.how = how
        self.stopping.set()

    async def run(self):
        press("run")
        if where in ("crash", "sleep", "sync", "ended"):
            raise ValueError("a fault")
        if where == "run and stop":
            asyncio.create_task(later())
        await self.stopping.wait()
        press("stop")
        return self.how


async def later():
    raise KeyboardInterrupt


class Module:
    def __init__(self, **names):
        for name in names:
            setattr(self, name, names[name])


class Board(dict):
    outlives = None

    def section(self, name):
        return {"reset_cause": "power-on", "boots": 1, "hung_in": None}


class Silent:
    def publish(self, *given, **more):
        pass

    def add(self, *given, **more):
        pass


def assemble(*given):
    press("assemble")
    return [], Board(), Silent(), Silent()


class Console:
    @staticmethod
    def write(text):
        calls.append("said")

    @staticmethod
    def flush():
        pass


class Importing:
    "What `from supervisor import ...` finds while Ctrl-C is pressed."

    def __getattr__(self, name):
        raise KeyboardInterrupt


def wait(seconds):
    calls.append("slept")
    press("sleep")


borrowed = {"assemble": assemble, "ended": recovery.ended}
sys.modules["hal"] = hal
sys.modules["hal.console"] = Module(console=Console)
sys.modules["recovery"] = recovery
sys.modules["services"] = Module()
sys.modules["services.borrow"] = Module(borrow=lambda module, name: borrowed[name])
sys.modules["services.log"] = Module(crash=Module(save=lambda text: calls.append("saved")))
sys.modules["time"] = Module(sleep=wait)
texts = {"error_text": str, "traceback_text": str, "report": calls.append}
sys.modules["supervisor"] = Module(Supervisor=Supervisor, **texts)
if where == "import":
    sys.modules["supervisor"] = Importing()
with open(sys.argv[1]) as file:
    source = compile(file.read(), "main.py", "exec")
try:
    exec(source, {"__name__": "__main__"})
    calls.append("prompt")
except KeyboardInterrupt:
    calls.append("prompt")
except SystemExit:
    pass
print("@" + json.dumps(calls))
"""


@pytest.fixture
def calls(micropython):
    """A callable(where Ctrl-C is pressed) -> what main.py called, in order."""

    def run(where):
        out = micropython(PRELUDE, ROOT / "main.py", where).splitlines()
        return next(json.loads(line[1:]) for line in out if line.startswith("@"))

    return run


@pytest.mark.parametrize(
    "where",
    [
        "import",
        "watchdog",
        "assemble",
        "run",
        "run and stop",
        "sleep",
        "ended",
        "sync",
    ],
)
def test_ctrl_c_leaves_a_prompt_whose_watchdog_is_fed(calls, where):
    assert calls(where)[-3:] == ["fed", "interrupted", "prompt"]


def test_before_the_services_are_made_nobody_feeds_for_those_who_hang(calls):
    assert calls("assemble")[:2] == ["watchdog", "nobody feeds"]


def test_a_crash_is_saved_before_anything_else_and_resets_the_board(calls):
    assert calls("crash")[-4:] == ["said", "slept", "nobody feeds", "reset"]
    assert calls("crash")[-5] == "saved"
