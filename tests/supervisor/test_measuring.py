"""What the supervisor measures: stalls and their culprits, heap and flash at a bounded cost."""

import pytest
from outpost.sim.boards import BOARDS


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
