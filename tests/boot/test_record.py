"""recovery.py's record of boots: it counts them, and those that ended badly, up to rescue mode."""

import json

import pytest

from tests.boot.conftest import PRELUDE, ROOT


def test_the_reset_at_the_end_of_a_deployment_makes_no_bad_boot(board):
    said, _ = board("""
resets.reset_cause = lambda: "reset"
boot()
say(recovery.record())
ramflash.again(flash)
boot()
say(recovery.record())
""")
    first, second = [kept for (kept,) in said]
    assert first == {"boots": 1, "cause": "reset"}
    assert second["bad"] == 1, "nobody asked for that one"


def test_each_boot_is_counted_and_its_cause_kept(board):
    said, console = board("""
say(recovery.record())
boot()
say(recovery.record())
resets.reset_cause = lambda: "watchdog"
ramflash.again(flash)
boot()
say(recovery.record())
say(*os.listdir("/"))
""")
    assert said == [
        [{}],
        [{"boots": 1, "cause": "power-on"}],
        [{"boots": 2, "cause": "watchdog", "bad": 1, "why": "the watchdog"}],
        ["boot.json"],
    ]
    assert console == []


@pytest.mark.parametrize(
    "record", ["", "{", "[1]", "3", '{"boots": "x"}', '{"boots": -5}', '{"boots": null}', "\x00"]
)
def test_a_damaged_record_starts_the_count_over(board, record):
    said, _ = board(f"""
write("/boot.json", {record!r})
say(recovery.begin("soft"))
say(recovery.record())
""")
    assert said == [[{"boots": 1, "cause": "soft"}]] * 2


def test_what_else_the_record_holds_stays(board):
    said, _ = board("""
write("/boot.json", '{"boots": 7, "update": {"version": "2"}}')
recovery.begin("power-on")
say(recovery.record())
""")
    assert said == [[{"boots": 8, "cause": "power-on", "update": {"version": "2"}}]]


def test_a_power_cut_at_any_write_leaves_the_old_record_or_the_new_one(board):
    said, _ = board(
        """
def check(done):
    boots = recovery.record().get("boots")
    assert boots in (1, 2) and (boots == 2 or not done), boots
    found[boots] = True

# begin() never raises: here the cut must pass through, as power does.
found = {}
def act():
    kept = recovery.record()
    kept["boots"] += 1
    recovery.keep(kept)
say(ramflash.at_every_write(lambda: recovery.begin("reset"), act, check), sorted(found))
""",
        timeout=60,
    )
    assert said[0][0] >= 2
    assert said[0][1] == [1, 2]


def test_recovery_imports_nothing_of_ours(micropython):
    out = micropython("""
import sys
before = set(sys.modules)
import recovery
print(sorted(set(sys.modules) - before))
""")
    assert set(json.loads(out.replace("'", '"'))) <= {"recovery", "json", "os"}


@pytest.mark.parametrize(
    ("end", "cause", "kept"),
    [
        ('""', "watchdog", {"cause": "reset"}),  # how an RP2 resets when it is asked to
        ("null", "power-on", {"cause": "power-on"}),
        ("null", "external", {"cause": "external"}),
        ('""', "soft", {"cause": "soft"}),  # Ctrl-D at the prompt
        ("null", "soft", {"cause": "soft", "bad": 3, "why": "a soft reset that nobody asked for"}),
        ('""', "reset", {"cause": "reset"}),
        ("null", "reset", {"cause": "reset", "bad": 3, "why": "a reset that nobody asked for"}),
        ("null", "watchdog", {"cause": "watchdog", "bad": 3, "why": "the watchdog"}),
        ('"E: x"', "reset", {"cause": "reset", "bad": 3, "why": "E: x"}),
    ],
)
def test_what_a_bad_boot_is(board, end, cause, kept):
    said, _ = board(f"""
text = '{{"boots": 1, "bad": 2, "why": "before", "end": {end}}}'
write("/boot.json", text)
say(recovery.begin("{cause}"))
say(recovery.rescue())
""")

    assert said[0][0] == {"boots": 2, "bad": 2, "why": "before"} | kept
    assert bool(said[1][0]) == ("bad" in kept)


def test_a_life_that_had_no_memory_for_its_last_words_has_left_that_much(board):
    said, _ = board("""
write("/boot.json", '{"boots": 1}')
say(recovery.begin("reset", "no memory"))
""")

    assert said[0][0]["why"] == "a reset that nobody asked for (no memory)"


IMPORTED = """
import asyncio
import services.borrow

def borrow(module, name):  # the root is a flash in memory: nothing can be imported again
    return getattr(__import__(module, None, None, (name,)), name)

services.borrow.borrow = borrow
services.borrow.forget = lambda module: None
from services.status import Status
from services.update import trial
"""


def test_a_minute_of_ftp_ends_rescue_mode_with_the_next_boot(micropython):
    script = """
class Update:
    board = Status()
    status = board.section("update")

ftp = Update.board.section("ftp")
ftp.update({"state": "running", "restarts": 0})
slept = []

async def sleep(seconds):
    slept.append(recovery.record().get("bad"))
    if len(slept) == 30:
        ftp["restarts"] = 1  # a minute without a break

asyncio.sleep = sleep
write("/boot.json", '{"boots": 1, "bad": 3, "why": "the watchdog"}')
say(recovery.rescue())
asyncio.run(trial.watch(Update))
say(len(slept), recovery.record(), recovery.rescue())
recovery.begin("power-on")
say(recovery.record())
"""
    out = micropython(IMPORTED + PRELUDE + script, ROOT / "boot.py")
    said = [json.loads(line[1:]) for line in out.splitlines() if line.startswith("@")]

    assert "3 boots ended badly within a minute, the last by: the watchdog" in said[0][0]
    assert said[1] == [90, {"boots": 1, "why": "the watchdog"}, None]
    assert said[2] == [{"boots": 2, "cause": "power-on"}]


def test_how_often_in_a_row_it_was_rescue_mode_is_counted_whatever_is_written_there(board):
    said, _ = board("""
write("/boot.json", '{"boots": 9, "bad": 3, "rescues": "x"}')
say(recovery.healthy(True))
say(recovery.healthy(True))
say(recovery.record())
say(recovery.healthy())
say(recovery.record())
""")

    assert [words[0] for words in said] == [
        *(1, 2, {"boots": 9, "rescues": 2}),
        *(3, {"boots": 9}),
    ]
