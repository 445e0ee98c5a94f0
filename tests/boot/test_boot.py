"""boot.py and recovery.py: whatever the flash holds, the board boots, and counts it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import json, os, sys
import hal, journal, ramflash, recovery
from hal import identity

with open(sys.argv[1]) as file:
    source = compile(file.read(), "boot.py", "exec")

class FakeLink:
    fails = False
    made = []
    def __init__(self, *options):
        self.made.append(options)
    def start(self):
        if self.fails:
            raise OSError("no radio")

hal.Link = FakeLink
flash = ramflash.RamFlash()
ramflash.mount(flash)

def boot():
    exec(source, {"__name__": "__main__"})

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def fill():
    with open("/filler", "w") as file:
        try:
            while True:
                file.write("x" * 512)
                file.flush()
        except OSError:
            pass

def say(*values):
    print("@" + json.dumps(values))
"""


@pytest.fixture
def board(micropython):
    """A callable(script, timeout=30) -> (what the script said, the other lines)."""

    def run(script, **options):
        out = micropython(PRELUDE + script, ROOT / "boot.py", **options).splitlines()
        said = [json.loads(line[1:]) for line in out if line.startswith("@")]
        return said, [line for line in out if not line.startswith("@")]

    return run


def test_each_boot_is_counted_and_its_cause_kept(board):
    said, console = board("""
say(recovery.record())
boot()
say(recovery.record())
identity.reset_cause = lambda: "watchdog"
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


def test_wifi_is_started_from_config_json(board):
    said, _ = board("""
write("/config.json", '{"network": {"ssid": "field", "password": "p w", "hostname": "w7"}}')
boot()
say(*FakeLink.made)
""")
    assert said == [[["field", "p w", "w7"]]]


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (None, ["", "", ""]),
        ("", ["", "", ""]),
        ("{", ["", "", ""]),
        ("[]", ["", "", ""]),
        ("{}", ["", "", ""]),
        ('{"network": 3}', ["", "", ""]),
        ('{"network": null}', ["", "", ""]),
        ('{"network": {"ssid": 3, "hostname": "w7"}}', ["", "", "w7"]),
        ("\ufffd\x00", ["", "", ""]),
    ],
)
def test_no_config_json_keeps_the_board_from_booting(board, config, options):
    write = "" if config is None else f"write('/config.json', {config!r})\n"
    said, console = board(write + "boot()\nsay(recovery.record()['boots'], *FakeLink.made)")
    assert said == [[1, options]]
    assert console == []


def test_a_typo_in_config_json_leaves_the_last_good_network(board):
    said, _ = board("""
write("/config.json", '{"network": {"ssid": "field"')
write("/config.last", '{"network": {"ssid": "field"}}')
boot()
say(*FakeLink.made)
""")
    assert said == [[["field", "", ""]]]


def test_a_link_that_fails_does_not_stop_the_boot(board):
    said, console = board("""
FakeLink.fails = True
boot()
say(recovery.record()["boots"])
""")
    assert said == [[1]]
    assert console == ["boot: no radio"]


def test_a_hal_that_cannot_be_imported_does_not_stop_the_boot(board):
    said, console = board("""
class Broken:
    def __getattr__(self, name):
        raise ImportError("half moved")
sys.modules["hal"] = Broken()
boot()
say(recovery.record())
""")
    assert said == [[{"boots": 1, "cause": "unknown", "end": "hal: ImportError: half moved"}]]
    assert console == ["boot: half moved"]


def test_a_full_flash_does_not_stop_the_boot(board):
    said, console = board("""
fill()
say(recovery.begin("reset"))
boot()
say(*FakeLink.made)
""")
    assert said[0][0]["cause"] == "reset"
    assert said[1] == [["", "", ""]]
    assert all(line.startswith("recovery: the boot record could not be kept:") for line in console)


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


def test_a_rename_that_a_power_cut_halved_hides_nothing_from_the_boot(board):
    """LittleFS doesn't find the name behind one that was moved to another folder, at first."""
    said, console = board("""
STUB = "def settle(): found.append(1)\\ndef begin(cause): pass\\nfound = []\\n"

def prepare():
    os.mkdir("/lib")
    write("/readings.txt", "1")
    write("/recovery.py", STUB)  # the next name

def act():
    os.rename("/readings.txt", "/lib/readings.txt")

hidden = []

def check(done):
    try:
        os.stat("/recovery.py")
    except OSError:
        hidden.append(1)
    sys.modules.pop("recovery", None)
    boot()
    settled.append(sys.modules["recovery"].found == [1])

settled = []
sys.path.insert(0, "/")
cuts = ramflash.at_every_write(prepare, act, check)
say(cuts, len(hidden), all(settled), len(settled))
""")
    cuts, hidden, settled, boots = said[0]
    assert console == []
    assert settled
    assert boots == cuts + 1
    assert hidden, "LittleFS has learnt it: boot.py needs no such thing any more"


@pytest.mark.parametrize(
    ("end", "cause", "kept"),
    [
        ('""', "watchdog", {"cause": "reset"}),  # how an RP2 resets when it is asked to
        ("null", "power-on", {"cause": "power-on"}),
        ("null", "brown-out", {"cause": "brown-out"}),
        ("null", "soft", {"cause": "soft"}),
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


def test_a_version_on_trial_that_an_rp2_resets_as_asked_is_not_bitten(board):
    said, _ = board("""
write("/boot.json", '{"boots": 1, "end": "", "update": {"state": "trial", "boots": 1}}')
recovery.settle()
say(recovery.begin("watchdog"))
""")

    assert said == [
        [{"boots": 2, "cause": "reset", "update": {"state": "trial", "boots": 2}}],
    ]


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
