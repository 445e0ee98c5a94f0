"""Time that passes: thirty days of a board whose ticks wrap after 12.4, in a few seconds.

`time` is a module of the test's own, put in place before anything is imported: its ticks are those
of a 32-bit board (extmod/modtime.c: MICROPY_PY_UTIME_TICKS_PERIOD is 2**30 where small integers
have 31 bits, and ticks_add refuses half of it). asyncio's loop waits by moving that clock;
its tasks, which ask the port's own clock in C, are of the test's too.
"""

import json

import pytest

PRELUDE = """
import json, sys
import time as real

PERIOD = 1 << 30
DAY = 86_400_000


class Time:
    now = PERIOD - 5000  # the ticks wrap for the first time 5 s after the start

    @staticmethod
    def ticks_ms():
        return Time.now % PERIOD

    @staticmethod
    def ticks_us():
        return Time.now * 1000 % PERIOD

    @staticmethod
    def ticks_diff(a, b):
        return (a - b + PERIOD // 2) % PERIOD - PERIOD // 2

    @staticmethod
    def ticks_add(ticks, delta):
        if not -(PERIOD // 2) < delta < PERIOD // 2:
            raise OverflowError("ticks interval overflow")
        return (ticks + delta) % PERIOD

    @staticmethod
    def time():
        return 1_800_000_000 + Time.now // 1000

    @staticmethod
    def time_ns():
        return Time.time() * 1_000_000_000 + Time.now % 1000 * 1_000_000

    gmtime, mktime, localtime = real.gmtime, real.mktime, real.localtime
    sleep = sleep_ms = None


class TaskQueue:
    def __init__(self):
        self.tasks = []

    def peek(self):
        return self.tasks[0] if self.tasks else None

    def pop(self):
        return self.tasks.pop(0)

    def remove(self, task):
        self.tasks.remove(task)

    def push(self, task, key=None):
        task.data = None
        task.ph_key = Time.ticks_ms() if key is None else key
        at = 0
        for other in self.tasks:
            if Time.ticks_diff(other.ph_key, task.ph_key) > 0:
                break
            at += 1
        self.tasks.insert(at, task)


class Task:
    "state: True while it runs, a queue of those who wait for it, None or False once it is done."

    def __init__(self, coro, globals=None):
        self.coro, self.data, self.state, self.ph_key = coro, None, True, 0

    def done(self):
        return not self.state

    def __iter__(self):
        if self.state is True:
            self.state = TaskQueue()
        elif not self.state:
            self.state = False
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        self.state.push(core.cur_task)
        core.cur_task.data = self

    def cancel(self):
        task = self
        if not task.state:
            return False
        while isinstance(task.data, Task):
            task = task.data
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            core._task_queue.push(task)
        elif Time.ticks_diff(task.ph_key, Time.ticks_ms()) > 0:
            core._task_queue.remove(task)
            core._task_queue.push(task)
        task.data = core.CancelledError
        return True


class InC:
    TaskQueue, Task = TaskQueue, Task


sys.modules["time"] = Time
sys.modules["_asyncio"] = InC
import asyncio
from asyncio import core


def fly(queue, dt):
    assert dt >= 0, "nobody would ever wake"
    Time.now += dt


core.IOQueue.wait_io_event = fly
import hal
from services.events import Events
from services.site import SiteCommands
from services.status import Status

status, events, site = Status(), Events(), SiteCommands()


async def beat():
    "The supervisor's, at an hour's pace."
    while True:
        hal.uptime()
        await asyncio.sleep(3600)


def run(coroutine):
    async def main():
        asyncio.create_task(beat())
        await coroutine

    asyncio.run(main())


def say(*values):
    print("@" + json.dumps(values))
"""


@pytest.fixture
def said(micropython):
    """A callable(script) -> what the script said."""

    def run(script):
        out = micropython(PRELUDE + script).splitlines()
        return [json.loads(line[1:]) for line in out if line.startswith("@")]

    return run
