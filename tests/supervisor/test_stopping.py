"""The supervisor's end: the order, its reason, and services that do not stop well."""


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
