"""What services wait for and count over days: restarts, log, clock, lock-outs, broker."""

import pytest

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
