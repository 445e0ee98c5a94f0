"""Time that passes: thirty days of a board whose ticks wrap after 12.4, in a few seconds.

`time` is a module of the test's own, put in place before anything is imported: its ticks are those
of a 32-bit board (extmod/modtime.c: MICROPY_PY_UTIME_TICKS_PERIOD is 2**30 where small integers
have 31 bits, and ticks_add refuses half of it). asyncio's loop waits by moving that clock;
its tasks, which ask the port's own clock in C, are of the test's too.
"""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_WAIT_S = 2**29 // 1000

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


def test_uptime_and_elapsed_over_thirty_days(said):
    uptimes, spans = said("""
start = Time.now
uptimes = []
for hour in range(30 * 24 + 1):
    uptimes.append(hal.uptime() - hour * 3600)
    Time.now += 3_600_000
say(*set(uptimes))
spans = []
for days in (0, 1, 6, 6.2, 6.3, 9, 12.4):
    since = Time.ticks_ms()
    began = Time.now
    Time.now += int(days * DAY)
    spans.append([hal.elapsed(since), int(days * DAY)])
    Time.now = began
say(*spans)
""")

    assert uptimes == [0]
    for measured, true in spans:
        assert measured == true if true < 2**29 else measured == 2**29 - 1


def test_elapsed_and_uptime_allocate_nothing(said):
    assert said("""
import gc, micropython
hal.ticks_ms, hal.ticks_diff, hal.ticks_add = real.ticks_ms, real.ticks_diff, real.ticks_add
hal._counted = real.ticks_add(real.ticks_ms(), -5000)
micropython.heap_lock()
try:
    for _ in range(100):
        hal.elapsed(5)
        hal.uptime()
    failed = None
except MemoryError:
    failed = True
micropython.heap_unlock()
say(failed)
""") == [[None]]


SUPERVISED = """
import supervisor as module
from services.service import Service
from supervisor import Supervisor

restarts = []
events.subscribe(lambda topic, fields: topic == "service/restart" and restarts.append(fields))


class Lives(Service):
    "Fails twice at once, then after so many days, then at once again."
    name = "lives"

    def __init__(self, days):
        self.waits = [0, 0, days, 0]

    async def run(self):
        if not self.waits:
            boss.stop("done")
            return await asyncio.Event().wait()
        await asyncio.sleep(int(self.waits.pop(0) * 86_400))
        raise ValueError


class Slow:
    "asyncio, whose seconds are minutes for the supervisor's beat: it would be 2.6 million."
    def __getattr__(self, name):
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds):
        await asyncio.sleep(600 if seconds == 1 else seconds)


module.asyncio = Slow()
"""


@pytest.mark.parametrize("days", [1, 5, 6.1])
def test_a_service_that_ran_for_days_is_forgiven(said, days):
    script = SUPERVISED.replace("await asyncio.sleep(int(self", "await long(int(self")
    (found,) = said(
        """
async def long(seconds):
    while seconds > 0:
        await asyncio.sleep(min(seconds, 86_400))
        seconds -= 86_400
"""
        + script
        + f"""
boss = Supervisor([Lives({days})], status, events, hal.uptime)
asyncio.run(boss.run())
say([restart["failures"] for restart in restarts], status.section("board")["uptime_s"] > 0)
"""
    )
    assert found == [[1, 2, 1, 2], True]


@pytest.mark.parametrize("days", [6.3, 8, 12, 13, 20, 30])
def test_a_service_that_ran_for_a_week_or_a_month_is_forgiven_too(said, days):
    test_a_service_that_ran_for_days_is_forgiven(said, days)


@pytest.mark.parametrize("days", [1, 6.3, 7, 8, 11.9, 12.3, 12.42756, 13, 25, 30])
def test_a_log_that_was_silent_for_days_writes_its_next_line_in_time(micropython, said, days):
    (found,) = said(
        f"""
import os
import ramflash
from services.log import Log
flash = ramflash.RamFlash()
import services.log.quota, services.log.files, services.log.start, services.status_text
import services.borrow
quota = sys.modules["services.log.quota"]
sys.modules["services.log.files"].borrow = lambda module, name: getattr(quota, name)
make = services.borrow.borrow("services.log.start", "make")
sys.modules["services.log.logger"].borrow = lambda module, name: make
status.section("app")["state"] = "off"
ramflash.mount(flash)
log = Log(status, events, site)


async def scenario():
    task = asyncio.create_task(log.run())
    events.publish("ftp/login", ok=True, user="one")
    await asyncio.sleep(10)
    for _ in range(int({days} * 24)):
        Time.now += 3_599_000  # each second of this would be half a million steps
        await asyncio.sleep(1)
    before = flash.writes
    events.publish("ftp/login", ok=True, user="two")
    for ms in range(0, 20_000, 100):
        await asyncio.sleep_ms(100)
        if flash.writes > before:
            break
    first = ms
    events.publish("task/crash", error="x", task="t", traceback="Traceback: " + "y" * 20)
    before = flash.writes
    for ms in range(0, 20_000, 100):
        if flash.writes > before:
            break
        await asyncio.sleep_ms(100)
    say(first, ms)
    task.cancel()


run(scenario())
"""
    )
    assert found[0] <= 5000
    assert found[1] <= 1000


def test_a_server_that_sent_a_kiss_of_death_is_left_alone_for_a_day_and_no_longer(said):
    (found,) = said("""
from services.time import Clock, sntp
asked = []


async def query(server, address, timeout_ms):
    asked.append(Time.now)
    raise sntp.KissOfDeath("DENY")


async def resolve(server):
    return server

import hal.net
import services.time.clock as module
hal.net.resolve = resolve
sntp.query = query
module.forget = lambda name: None  # this one would be imported anew
clock = Clock(status, events, site, ("10.0.0.1",))


async def scenario():
    for _ in range(30 * 24):
        try:
            await clock.sync()
        except OSError:
            pass
        await asyncio.sleep(3600)


run(scenario())
say(len(asked), *[(b - a) // 3_600_000 for a, b in zip(asked, asked[1:])])
""")
    assert found[0] >= 29
    assert set(found[1:]) <= {24, 25}


@pytest.mark.parametrize("every_s", [3600, 536_870, 536_871, 604_800])
def test_the_clock_is_set_as_often_as_config_json_says(said, every_s):
    (found,) = said(f"""
from services.time import Clock
clock = Clock(status, events, site, every_s={every_s})
synced = [0, None, set()]


async def sync():
    count, last, gaps = synced
    if last is not None:
        gaps.add((Time.now - last) // 1000)
    synced[:] = count + 1, Time.now, gaps


clock.sync = sync


async def scenario():
    task = asyncio.create_task(clock.run())
    for _ in range(31):
        await asyncio.sleep(86_400)
    task.cancel()


run(scenario())
say(synced[0], *synced[2])
""")
    count = 31 * 86_400 // every_s
    assert found[0] in (count, count + 1)
    assert found[1:] == [every_s]


def test_a_lock_out_ends_when_it_ends_and_does_not_come_back(said):
    (found,) = said("""
from services.ftp.access.guard import Guard
guard = Guard(86_400_000)
locked = []


async def scenario():
    for _ in range(10):
        guard.failed("a", "ann")
    for hour in range(30 * 24):
        guard.expire()  # the server does each second
        if guard.locked_s("a"):
            locked.append(hour)
        await asyncio.sleep(3600)


run(scenario())
say(*locked)
""")
    assert found == list(range(24))


def test_a_session_is_idle_for_as_long_as_it_is(said):
    (found,) = said("""
from services.ftp.control.session import Session


class Idle:
    silent_ms = Session.silent_ms


session = Idle()
found = []
session.touched = Time.ticks_ms()
began = Time.now
for hour in range(1, 12 * 24):
    Time.now += 3_600_000
    found.append(session.silent_ms() >= min(hour * 3_600_000, (1 << 29) - 1))
say(*set(found))
""")
    assert found == [True]


def test_a_connection_to_a_broker_that_lasted_for_days_forgives_the_failures_before(said):
    (found,) = said("""
sys.modules["umqtt.simple"] = sys.modules["umqtt"] = None
import services.telemetry.telemetry as module
delays = []


import services.telemetry.start as start
start.borrow = lambda name, what: lambda url: ("broker", 1883, None, None, False)
start.black_box = lambda board, log: None
telemetry = module.Telemetry(status, events, site, broker="mqtt://broker")
lasts = [0, 0, 0, 8, 0, 20, 0]


async def session():
    if not lasts:
        raise asyncio.CancelledError
    for _ in range(lasts.pop(0) * 24):
        await asyncio.sleep(3600)
    raise OSError("gone")


async def pause(delay):
    delays.append(delay)


telemetry._session = session
telemetry._pause = pause


async def scenario():
    try:
        await telemetry.run()
    except asyncio.CancelledError:
        pass


run(scenario())
say(*delays)
""")
    assert found == [1, 2, 4, 1, 2, 1, 2]


def test_no_option_asks_asyncio_for_a_wait_that_it_refuses():
    """Beyond 536,870 s ticks_add() raises on 32 bits; time.every_s is waited for in pieces."""
    beyond = set()
    for path in ROOT.glob("services/*/options.py"):
        for name, most in re.findall(r'"(\w+_s|keepalive)": "int\?? \d+ (\d+)"', path.read_text()):
            if int(most) > LONGEST_WAIT_S:
                beyond.add(f"{path.parent.name}.{name}")
    assert beyond == {"time.every_s"}


KEPT = sorted(
    path.relative_to(ROOT)
    for part in ("*.py", "hal/*.py", "services/**/*.py")
    for path in ROOT.glob(part)
)


@pytest.mark.parametrize("path", KEPT, ids=str)
def test_what_is_kept_in_an_object_is_measured_by_the_one_helper(path):
    """A local variable lives as long as its step; what an object keeps may be days old.

    ticks_diff() with such a value is right for 6.2 days: hal.elapsed() and hal.uptime() know.
    """
    allowed = {
        "hal/__init__.py",  # the helpers themselves
        "hal/console.py",  # looked at each few ms; of a rest both bounds are checked
        "services/ftp/server.py",  # looked at each second
        "services/ftp/tls.py",  # bounds the wait on both sides
        "services/time/sntp.py",  # an answer's: seconds
        "supervisor.py",  # a step's, and measurements that are renewed
    }
    if str(path) in allowed:
        return
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ticks_diff":
            for given in node.args:
                kept = isinstance(given, (ast.Attribute, ast.Subscript))
                assert not kept, f"{path}:{node.lineno}: hal.elapsed() or hal.uptime()"
