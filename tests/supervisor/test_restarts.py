"""The supervisor restarts services: how they fail, how long it waits, when it resets the board."""

import pytest


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
