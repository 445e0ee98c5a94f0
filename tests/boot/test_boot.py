"""boot.py and recovery.py: whatever the flash holds, the board boots, and counts it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import json, os, sys
import hal, ramflash, recovery
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
