"""The supervisor: order, restarts, escalation, lost tasks, stalls, uptime, watchdog."""

import pytest
from outpost.sim.boards import BOARDS


def test_services_start_in_order_and_stop_in_reverse(supervised):
    told = supervised("""
supervise([Works("a"), Works("b"), Works("c")], lambda: runs("c"))
answer([entry for entry in told if entry[0] in ("run", "clean")])
""")

    assert told == [
        ["run", "a"], ["run", "b"], ["run", "c"],
        ["clean", "c"], ["clean", "b"], ["clean", "a"],
    ]  # fmt: skip


def test_run_returns_how_it_was_stopped_and_tells_it_before_anything_stops(supervised):
    how, told = supervised("""
how = supervise([Works("a")], lambda: runs("a"), how="halt")
answer([how, told])
""")

    assert how == "halt"
    assert told.index(["board/stop", {"how": "halt"}]) < told.index(["clean", "a"])


def test_the_first_reason_to_stop_counts(supervised):
    assert (
        supervised("""
supervisor = Supervisor([Works("a")], status, events, uptime)
supervisor.stop("reset")
supervisor.stop("halt")
answer(asyncio.run(supervisor.run()))
""")
        == "reset"
    )


def test_a_restart_waits_longer_each_time_up_to_a_minute_and_never_gives_up(supervised):
    delays, count, section = supervised("""
let_time_fly()
service = Fails("a", times=25)
supervise([service], lambda: runs("a") == 26)
answer([[d for d in delays if d != 1 or len(delays) < 2], runs("a"), status.section("a")])
""")
    restarts = [delay for delay in delays if delay > 1]

    assert restarts[:5] == [2, 4, 8, 16, 32]
    assert set(restarts[5:]) == {60}
    assert count == 26, "it still tries after 25 failures"
    assert section["restarts"] == 25


@pytest.mark.parametrize("error", ["SystemExit", "asyncio.CancelledError", "BaseException"])
def test_what_is_no_exception_of_the_usual_kind_costs_its_service_alone(supervised, error):
    told, section = supervised(f"""
let_time_fly()
supervise([Works("b"), Fails("a", times=2, critical=True, error={error})], lambda: runs("a") == 3)
answer([[runs("a"), runs("b")], status.section("a")])
""")

    assert told == [3, 1]
    assert section["restarts"] == 2
    assert section["error"].startswith(f"{error.split('.')[-1]}: trouble")


def test_each_restart_is_an_event_with_error_traceback_count_and_delay(supervised):
    events, error = supervised("""
let_time_fly()
supervise([Fails("a", times=3)], lambda: runs("a") == 4)
answer([topics("service/restart"), status.section("a")["error"]])
""")

    assert [event["delay_s"] for event in events] == [1, 2, 4]
    assert [event["failures"] for event in events] == [1, 2, 3]
    assert events[0]["service"] == "a"
    assert events[0]["error"] == "ValueError: trouble 2"
    assert "in run" in events[0]["traceback"]
    assert error == "ValueError: trouble 0"


def test_a_minute_of_health_forgives_what_was_before(supervised):
    events = supervised("""
let_time_fly()
import supervisor as module
now = [0]


class Recovers(Service):
    name = "a"
    count = 0

    async def run(self):
        told.append(["run", "a"])
        self.count += 1
        now[0] += 61_000 if self.count == 4 else 10
        raise ValueError("again")


supervise([Recovers()], lambda: runs("a") == 6, uptime=lambda: now[0] // 1000)
answer([(event["failures"], event["delay_s"]) for event in topics("service/restart")][:5])
""")

    assert events == [[1, 1], [2, 2], [3, 4], [1, 1], [2, 2]]


def test_a_service_that_returns_is_restarted_or_finished_as_it_says(supervised):
    states = supervised("""
let_time_fly()
services = [
    Fails("always", 2, error=None),
    Fails("on-failure", 2, restart="on-failure", error=None),
    Fails("no", 2, restart="no"),
]
supervise(services, lambda: runs("always") == 3)
answer([(s.name, runs(s.name)) for s in services]
       + [[f["state"] for f in topics("service/state") if f["service"] == s.name]
          for s in services])
""")

    assert states[:3] == [["always", 3], ["on-failure", 1], ["no", 1]]
    assert states[3] == [
        "starting", "running", "waiting", "running", "waiting", "running", "stopped",
    ]  # fmt: skip
    assert states[4] == ["starting", "running", "finished", "stopped"]
    assert states[5] == ["starting", "running", "failed", "stopped"]


def test_one_services_failures_are_no_others(supervised):
    assert supervised("""
let_time_fly()
supervise([Works("a"), Fails("b", 6), Works("c")], lambda: runs("b") == 7)
answer([runs(name) for name in "abc"] + [status.section("a")["restarts"]])
""") == [1, 7, 1, 0]


def test_a_critical_service_that_fails_ten_times_in_a_row_resets_the_board(supervised):
    how, count = supervised("""
let_time_fly()
how = supervise([Works("a"), Fails("ftp", critical=True)])
answer([how, runs("ftp")])
""")

    assert how == "reset"
    assert count == 10


def test_nine_failures_do_not_and_an_uncritical_service_never_does(supervised):
    assert supervised("""
let_time_fly()
supervise([Fails("ftp", 9, critical=True), Fails("app", 15)], lambda: runs("app") == 16)
answer([runs("ftp"), topics("board/stop")])
""") == [10, [{"how": "test"}]]


def test_an_exception_that_leaves_a_task_is_an_event(supervised):
    events = supervised("""
async def meter():
    raise KeyError("lost")


class Forgets(Works):
    async def run(self):
        asyncio.create_task(meter())
        await super().run()


supervise([Forgets("a")], lambda: topics("task/crash"))
answer(topics("task/crash"))
""")

    assert len(events) == 1
    assert events[0]["task"] == "meter"
    assert events[0]["error"] == "KeyError: lost"
    assert "in meter" in events[0]["traceback"]


def test_a_traceback_is_kept_short(supervised):
    traceback = supervised("""
def deep(n):
    return deep(n - 1) if n else 1 // 0


class Deep(Works):
    async def run(self):
        deep(60)


supervise([Deep("a")], lambda: topics("service/restart"))
answer(topics("service/restart")[0]["traceback"])
""")

    assert len(traceback) <= 610
    assert "ZeroDivisionError" in traceback


def test_the_longest_stall_is_measured_with_its_culprits_name(supervised):
    loop, after = supervised("""
class Hogs(Works):
    async def run(self):
        await asyncio.sleep_ms(20)
        time.sleep_ms(150)
        told.append(["hogged"])
        await super().run()


async def pump():
    await asyncio.sleep_ms(40)
    time.sleep_ms(300)


class Spawns(Works):
    async def run(self):
        asyncio.create_task(pump())
        await super().run()


let_time_fly()
loop = status.section("loop")
supervise([Works("a"), Hogs("hog")], lambda: loop.get("longest_stall_ms", 0) > 100)
first = dict(status.section("loop"))
supervise([Spawns("b")], lambda: loop["longest_stall_ms"] > 250)
answer([first, loop])
""")

    assert 150 <= loop["longest_stall_ms"] < 1000
    assert loop["by"] == "hog"
    assert 300 <= after["longest_stall_ms"] < 1000
    assert after["by"] == "pump", "a task of a service goes by its own name"


ESP32, LARGE = BOARDS["esp32"], BOARDS["esp32-s3"]

# A board on which each walk of the heap and each statvfs takes its time, by a clock of its own.
SLOW = """
import supervisor as module

now = [0]
spent = {"heap": 0, "flash": 0}
measured = []
steps = []


def begin(what):
    measured.append((what, now[0]))
    steps.append(len(delays))


def spend(what, ms):
    now[0] += ms
    spent[what] += ms


class Gc:
    def collect(self):
        begin("heap")
        spend("heap", HEAP_MS)

    def mem_free(self):
        spend("heap", HEAP_MS)
        return 1000

    def mem_alloc(self):
        spend("heap", HEAP_MS)
        return 200


def room():
    begin("flash")
    spend("flash", FLASH_MS)
    return 123, 456


async def second(seconds):
    now[0] += 1000
    delays.append(seconds)
    await _sleep_ms(0)


asyncio.sleep = second
module.gc = Gc()
module.ticks_ms = lambda: now[0]
clock = {"uptime": lambda: now[0] // 1000, "flash": room}
"""


@pytest.mark.parametrize(
    ("heap_ms", "flash_ms", "heap_s", "flash_s"),
    # An ESP32; one with 8 MiB of PSRAM and 14 MiB of flash in use; one that is hopeless.
    [
        (ESP32.walk_us // 1000, 4500 * ESP32.read_us // 1000, 5, 96),
        (LARGE.walk_us // 1000, 7650 * LARGE.read_us // 1000, 46, 163),
        (700, 6000, 420, 1200),
    ],
)
def test_measuring_takes_a_hundredth_of_the_time_at_most(
    supervised, heap_ms, flash_ms, heap_s, flash_s
):
    script = SLOW.replace("HEAP_MS", str(heap_ms)).replace("FLASH_MS", str(flash_ms))
    answer = supervised(
        script
        + """
supervise([Works("a")], lambda: len(delays) > 6000, ms=60_000, **clock)
together = len(steps) - len(set(steps))
began = {}
gaps = {"heap": [], "flash": []}
for what, at in measured:
    if what in began:
        gaps[what].append(at - began[what])
    began[what] = at
answer([min(gaps["heap"]), max(gaps["heap"]), min(gaps["flash"]), max(gaps["flash"]),
        sum(spent.values()) / now[0], together])
"""
    )

    heap_min, heap_max, flash_min, flash_max, share, together = answer
    assert heap_s * 1000 <= heap_min <= heap_max < heap_s * 1000 + 9000
    assert flash_s * 1000 <= flash_min <= flash_max < flash_s * 1000 + 9000
    assert share < 0.0125, "both together a hundredth, and once at the start"
    assert not together, "one stall is followed by another"


def test_what_is_asked_for_is_fresh_unless_it_was_measured_just_now(supervised):
    seen, heap, flash = supervised(
        SLOW.replace("HEAP_MS", "10").replace("FLASH_MS", "20")
        + """
Supervisor([], status, events, uptime, flash=room)
seen = []
for now[0] in (0, 2000, 4500, 4600, 6050, 20_000):
    before = len(measured)
    list(status.items())
    seen.append([what for what, _ in measured[before:]])
answer([seen, status.section("heap"), status.section("flash")])
"""
    )

    # It took 30 ms and 20 ms: 6 s and 4 s later they may be measured again.
    assert seen == [["heap", "flash"], [], ["flash"], [], ["heap"], ["heap", "flash"]]
    assert heap == {"free_bytes": 1000, "total_bytes": 1200}
    assert flash == {"free_bytes": 123, "total_bytes": 456}


def test_heap_and_flash_are_recorded(supervised):
    heap, flash = supervised("""
let_time_fly()
supervise([Works("a")], lambda: len(delays) > 2, flash=lambda: (123, 456))
answer([status.section("heap"), status.section("flash")])
""")

    assert 0 < heap["free_bytes"] < heap["total_bytes"]
    assert flash == {"free_bytes": 123, "total_bytes": 456}


def test_a_flash_that_cannot_be_measured_does_not_starve_the_watchdog(supervised):
    fed = supervised("""
let_time_fly()


def broken():
    raise OSError(5)


dog = Dog()
supervise([Works("a")], lambda: len(delays) > 5, flash=broken, watchdog=dog)
answer(dog.fed)
""")

    assert fed >= 5


class TestWatchdog:
    """It is fed while the critical services are looked after, and only then."""

    def test_while_all_is_well(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
supervise([Works("ftp", critical=True)], lambda: len(delays) >= 10, watchdog=dog)
answer(dog.fed)
""")
            >= 10
        )

    def test_while_a_critical_service_is_being_restarted(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
supervise([Fails("ftp", 5, critical=True)], lambda: runs("ftp") == 6, watchdog=dog)
answer(dog.fed)
""")
            >= 5
        )

    def test_not_once_a_critical_service_is_lost(self, supervised):
        fed, beats = supervised("""
let_time_fly()
dog = Dog()
service = Fails("ftp", 1, critical=True, restart="no")
supervisor = Supervisor([service, Works("a")], status, events, uptime, watchdog=dog)


async def main():
    running = asyncio.create_task(supervisor.run())
    while status.section("ftp").get("state") != "failed":
        await _sleep_ms(2)
    await _sleep_ms(10)
    before, beats = dog.fed, len(delays)
    while len(delays) < beats + 10:
        await _sleep_ms(2)
    answer([dog.fed - before, len(delays) - beats])
    supervisor.stop("test")
    await running


asyncio.run(main())
""")

        assert fed == 0
        assert beats >= 10

    def test_one_that_finished_well_is_not_missed(self, supervised):
        assert (
            supervised("""
let_time_fly()
dog = Dog()
service = Fails("once", 1, critical=True, restart="on-failure", error=None)
supervise([service, Works("a")], lambda: len(delays) >= 10, watchdog=dog)
answer(dog.fed)
""")
            >= 10
        )

    def test_a_loop_that_is_held_feeds_nobody(self, supervised):
        assert (
            supervised("""
dog = Dog()


class Hogs(Works):
    async def run(self):
        await asyncio.sleep_ms(1100)
        before = dog.fed
        time.sleep_ms(2500)
        told.append(["fed meanwhile", dog.fed - before])


supervise([Hogs("a")], lambda: any(e[0] == "fed meanwhile" for e in told), ms=6000, watchdog=dog)
answer([e[1] for e in told if e[0] == "fed meanwhile"][0])
""")
            == 0
        )


def test_a_service_that_hangs_in_its_clean_up_does_not_keep_the_others_up(supervised):
    cleaned, took = supervised("""
class Hangs(Works):
    async def run(self):
        try:
            await super().run()
        finally:
            await _sleep_ms(60_000)


began = time.ticks_ms()
supervise([Works("a"), Hangs("b")], lambda: runs("b"))
answer([["clean", "a"] in told, time.ticks_diff(time.ticks_ms(), began)])
""")

    assert cleaned
    assert took < 8000


def test_a_service_that_raises_in_its_clean_up_does_not_keep_the_others_up(supervised):
    assert supervised(
        """
class Breaks(Works):
    async def run(self):
        try:
            await super().run()
        finally:
            raise OSError(5)


supervise([Works("a"), Breaks("b")], lambda: runs("b"))
answer(["clean", "a"] in told)
""",
        timeout=9,
    )


def test_a_service_for_whose_stop_there_is_no_memory_does_not_keep_the_others_up(supervised):
    assert supervised("""
import gc, micropython, supervisor


class Collector:
    mem_free, mem_alloc = gc.mem_free, gc.mem_alloc

    def collect(self):
        if locked:
            times[0] += 1
            if times[0] == 2:  # the first is for the event that "c" has stopped
                micropython.heap_unlock()
                locked.clear()


class Locks(Works):
    async def run(self):
        try:
            await super().run()
        finally:
            locked.append(True)
            micropython.heap_lock()


supervisor.gc = Collector()
times = [0]
locked = []
how = supervise([Works("a"), Works("b"), Locks("c")], lambda: runs("c"))
answer([how] + times + [name for kind, name in told if kind == "clean"])
""") == ["test", 2, "c", "a"]


def test_a_subscriber_that_fails_stops_nothing(supervised):
    assert supervised("""
let_time_fly()


def broken(topic, fields):
    raise RuntimeError("subscriber")


events.subscribe(broken)
supervise([Fails("a", 2)], lambda: runs("a") == 3)
lost = status.sections["board"]["lost_events"]
answer([runs("a"), 0 < lost <= events.failures])
""") == [3, True]


def test_a_task_that_is_cancelled_is_no_crash(supervised):
    assert (
        supervised("""
async def waits():
    await asyncio.sleep_ms(1000)


class Cancels(Works):
    async def run(self):
        task = asyncio.create_task(waits())
        await asyncio.sleep_ms(5)
        task.cancel()
        await asyncio.sleep_ms(5)
        told.append("cancelled")
        await super().run()


supervise([Cancels("a")], lambda: "cancelled" in told)
told.remove("cancelled")
answer(topics("task/crash"))
""")
        == []
    )


def test_ctrl_c_in_the_middle_of_a_step_stops_everybody_soon(supervised):
    """What the port does: the exception comes up in whatever runs, a service's step too."""
    cleaned, took_ms, states = supervised("""
class Hit(Service):
    name = "hit"

    async def run(self):
        await _sleep_ms(20)
        raise KeyboardInterrupt

services = [Works("a"), Hit(), Works("b")]
supervisor = Supervisor(services, status, events, uptime)
loop = asyncio.get_event_loop()
running = asyncio.create_task(supervisor.run())
try:
    loop.run_until_complete(running)
except KeyboardInterrupt:
    began = time.ticks_ms()
    supervisor.stop("interrupt")
    loop.run_until_complete(running)
took_ms = time.ticks_diff(time.ticks_ms(), began)
states = [status.section(service.name)["state"] for service in services]
answer([[name for what, name in told if what == "clean"], took_ms, states])
""")
    assert cleaned == ["b", "a"]
    assert states == ["stopped"] * 3
    assert took_ms < 4000  # a service may take 5,000 to clean up; this one has nothing to clean


def test_who_holds_the_loop_for_seconds_is_remembered_and_forgotten_when_he_lets_go(supervised):
    """A timer's callback calls look(); here the one who hogs does, and its clock runs ahead."""
    noted = supervised("""
import supervisor as module

real = module.ticks_ms
kept = []


class Hogs(Works):
    async def run(self):
        await _sleep_ms(5)
        boss.look()
        told.append(["seen", list(kept)])
        module.ticks_ms = lambda: real() + 5000
        boss.look()
        boss.look()
        told.append(["seen", list(kept)])
        module.ticks_ms = real
        await _sleep_ms(5)
        boss.look()
        told.append(["seen", list(kept)])
        await super().run()


def no_file(*given):
    raise OSError("a callback may run in the middle of a write to flash")


import builtins
builtins.open = no_file
boss = Supervisor([Works("a"), Hogs("hog")], status, events, uptime, remember=kept.append)


async def main():
    running = asyncio.create_task(boss.run())
    while len([entry for entry in told if entry[0] == "seen"]) < 3:
        await _sleep_ms(2)
    boss.stop("test")
    await running
    boss.look()  # there is no loop any more


asyncio.run(main())
answer([entry[1] for entry in told if entry[0] == "seen"])
""")

    assert noted == [[], ["hog"], ["hog", None]]


def test_ctrl_c_in_the_timers_callback_is_not_lost(supervised):
    """The firmware prints what a callback raises, and goes on (mp_sched_run_pending)."""
    assert (
        supervised("""
def pressed(text):
    raise KeyboardInterrupt


class Hogs(Works):
    async def run(self):
        import supervisor as module
        real = module.ticks_ms
        module.ticks_ms = lambda: real() + 5000
        boss.look()
        module.ticks_ms = real
        await super().run()


boss = Supervisor([Hogs("hog")], status, events, uptime, remember=pressed)
answer(asyncio.run(boss.run()))
""")
        == "interrupt"
    )
