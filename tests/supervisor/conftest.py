"""What the supervisor's tests share: services that do as told, and time that flies."""

import json

import pytest
from outpost.sim.flash import Flash

PRELUDE = """
import asyncio, json
import time
from services.events import Events
from services.service import Service
from services.status import Status
from supervisor import Supervisor

status, events = Status(), Events()
told = []  # what happened, in order
delays = []  # what the supervisor slept for, in seconds; in truth each is a few ms
events.subscribe(lambda topic, fields: told.append([topic, dict(fields)]))
_sleep_ms = asyncio.sleep_ms


async def _sleep(seconds):
    delays.append(seconds)
    await _sleep_ms(2)


def let_time_fly():
    asyncio.sleep = _sleep


class Works(Service):
    "Runs until it is stopped."

    def __init__(self, name, critical=False):
        self.name = name
        self.critical = critical

    async def run(self):
        told.append(["run", self.name])
        try:
            await asyncio.Event().wait()
        finally:
            told.append(["clean", self.name])


class Fails(Service):
    "Raises or returns at once, `times` times, then works."

    def __init__(self, name, times=1000, critical=False, restart="always", error=ValueError):
        self.name, self.times, self.critical = name, times, critical
        self.restart, self.error = restart, error

    async def run(self):
        told.append(["run", self.name])
        if self.times:
            self.times -= 1
            if self.error:
                raise self.error("trouble %d" % self.times)
            return
        await asyncio.Event().wait()


class Dog:
    "A watchdog that counts."
    fed = 0

    def feed(self):
        self.fed += 1


def uptime():
    return time.ticks_ms() // 1000


def supervise(
    services, until=lambda: False, ms=2000, how="test", uptime=uptime, **options
):
    "Run until the condition or for some ms; what run() returned."
    supervisor = Supervisor(services, status, events, uptime, **options)

    async def main():
        running = asyncio.create_task(supervisor.run())
        end = time.ticks_add(time.ticks_ms(), ms)
        while not running.done() and not until() and time.ticks_diff(end, time.ticks_ms()) > 0:
            await _sleep_ms(2)
        supervisor.stop(how)
        return await running

    return asyncio.run(main())


def runs(name):
    return sum(entry == ["run", name] for entry in told)


def topics(topic):
    return [fields for name, fields in told if name == topic]


def answer(value):
    print("ANSWER", json.dumps(value))
"""


@pytest.fixture
def supervised(micropython):
    """Run a script behind PRELUDE in the real interpreter; what it gave to answer()."""

    def run(script, **options):
        out = micropython(PRELUDE + script, **options)
        answers = [line for line in out.splitlines() if line.startswith("ANSWER ")]
        assert len(answers) == 1, out
        return json.loads(answers[0].removeprefix("ANSWER "))

    return run


@pytest.fixture
def change(start_board):
    """Boot a board, stop it, change its flash, boot it again: ({path: text}, ...) -> board.

    remove: paths to remove; app: the module that config.json names as the application; clock:
    as Board takes it.
    """

    def again(files, remove=(), app=None, clock="real"):
        board = start_board(clock=clock)
        board.allow_traceback = True  # what is broken here is shown
        board.stop()
        with Flash(board.flash) as flash:
            if app:
                config = json.loads(flash.read("/config.json"))
                flash.write("/config.json", json.dumps(config | {"app": app}).encode())
            for path in remove:
                flash.remove(path)
            for path, text in files.items():
                flash.write(path, text if isinstance(text, bytes) else text.encode())
        board.start()
        board.wait_ready()
        return board

    return again
