"""boot.py and recovery.py: whatever the flash holds, the board boots, and counts it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRELUDE = """
import json, os, sys
import hal, hal.fat, joining, journal, ramflash, recovery, resets
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


def test_wifi_is_started_from_config_json(board):
    said, _ = board("""
write("/config.json", '{"network": {"ssid": "field", "password": "p w", "hostname": "w7"}}')
boot()
write("/config.json", '{"name": "w8", "network": {"ssid": "field", "country": "DE"}}')
boot()
write("/config.json", '{"network": {"lan": {"phy_type": "LAN8720"}}}')
boot()
say(*FakeLink.made)
""")
    assert said == [
        [
            ["field", "p w", "w7", "", None],
            ["field", "", "w8", "DE", None],
            ["", "", "outpost", "", {"phy_type": "LAN8720"}],
        ]
    ]


def test_a_network_that_is_off_stays_off(board):
    said, _ = board("""
write("/config.json", '{"network": null}')
write("/config.last", '{"network": {"ssid": "before"}}')
boot()
say(*FakeLink.made)
""")
    assert said == [[]]


DEFAULTS = ["", "", "outpost", "", None]


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (None, DEFAULTS),
        ("", DEFAULTS),
        ("{", DEFAULTS),
        ("[]", DEFAULTS),
        ("{}", DEFAULTS),
        ('{"network": 3}', DEFAULTS),
        ('{"name": 3}', ["", "", "", "", None]),
        ('{"network": {"ssid": 3, "hostname": "w7", "lan": 1}}', ["", "", "w7", "", None]),
        ("\ufffd\x00", DEFAULTS),
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
    assert said == [[["field", "", "outpost", "", None]]]


def test_a_missing_config_json_leaves_the_last_good_network(board):
    said, _ = board("""
write("/config.last", '{"network": {"ssid": "field"}}')
boot()
say(*FakeLink.made)
""")
    assert said == [[["field", "", "outpost", "", None]]]


def test_of_several_networks_the_usable_ones_are_handed_on(board):
    said, _ = board("""
write("/config.json", json.dumps({"network": {"networks": [
    {"ssid": "a", "password": "b"}, {"ssid": 3}, 4,
    {"ssid": "c"}, {"ssid": "d", "password": 5}]}}))
boot()
say(*FakeLink.made)
""")
    assert said[0][0][5] == [{"ssid": "a", "password": "b"}, {"ssid": "c"}]


def test_a_good_config_json_without_a_network_is_not_filled_up_from_the_last_one(board):
    said, _ = board("""
write("/config.json", '{"name": "w7"}')
write("/config.last", '{"network": {"ssid": "before"}}')
boot()
say(*FakeLink.made)
""")
    assert said == [[["", "", "w7", "", None]]]


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
    kept = {"boots": 1, "cause": "power-on", "end": "hal: ImportError: half moved"}
    assert said == [[kept]]
    assert console == ["boot: files: half moved", "boot: half moved"]


def test_a_full_flash_does_not_stop_the_boot(board):
    said, console = board("""
fill()
say(recovery.begin("reset"))
boot()
say(*FakeLink.made)
""")
    assert said[0][0]["cause"] == "reset"
    assert said[1] == [DEFAULTS]
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
STUB = "\\n".join((
    "found = []",
    "def settle(cause, watchdog): found.append(1)",
    "def begin(cause, hung): pass",
))

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


def test_a_version_on_trial_whose_watchdog_bites_on_its_way_down_is_not_bitten(board):
    said, _ = board("""
write("/boot.json", '{"boots": 1, "end": "", "update": {"state": "trial", "boots": 1}}')
recovery.settle("watchdog")
say(recovery.begin("watchdog"))
""")

    assert said == [
        [{"boots": 2, "cause": "reset", "update": {"state": "trial", "boots": 2}}],
    ]


TRIAL = """
def trial(**more):
    more["state"] = "trial"
    write("/boot.json", json.dumps({"boots": 1, "update": more}))
    try:
        os.mkdir("/prev")
    except OSError:
        pass
    write("/prev/plan", '{"to": "2", "from": "1", "trial_s": 60}\\n')

def boot_by(cause, hung=None):
    recovery.settle(cause)
    return recovery.begin(cause, hung)["update"]
"""


@pytest.mark.parametrize(("cause", "by_hand"), [("soft", True), ("external", False)])
def test_a_trial_outlasts_resets_that_say_nothing_of_it(board, cause, by_hand):
    said, _ = board(
        TRIAL
        + f"""
trial(boots=2)
for _ in range(20):
    if {by_hand}:
        recovery.interrupted()
    update = boot_by("{cause}")
say(update)
say(boot_by("reset"), boot_by("reset")["state"])
"""
    )

    assert said[0] == [{"state": "trial", "boots": 2}]
    assert said[1] == [{"state": "trial", "boots": 3}, "rolled-back"]


def test_a_trial_ends_with_the_third_soft_reset_that_no_person_made(board):
    """An application that calls machine.soft_reset() is as bad as one that crashes."""
    said, _ = board(
        TRIAL
        + """
trial(boots=1)
say(boot_by("soft"), boot_by("soft"), boot_by("soft")["state"])
"""
    )

    assert said[0] == [
        {"state": "trial", "boots": 2},
        {"state": "trial", "boots": 3},
        "rolled-back",
    ]


def test_nine_presses_of_the_button_keep_a_trial_and_a_tenth_ends_it(board):
    """A button reads as power-on on each port; so does a version that browns the board out."""
    said, _ = board(
        TRIAL
        + """
trial(boots=1)
for _ in range(10):
    update = boot_by("power-on")
say(update)
say(boot_by("power-on"))
"""
    )

    assert said[0] == [{"state": "trial", "boots": 1, "power_ons": 10}]
    assert said[1][0]["state"] == "rolled-back"
    assert said[1][0]["reason"] == "10 power-ons without a healthy minute"


@pytest.mark.parametrize(
    ("hung", "reason"),
    [
        (None, "the watchdog reset it"),
        ("app", "the watchdog reset it, app hung"),
        ("unproven", "it did not prove itself in time"),
    ],
)
def test_a_bitten_trial_goes_back_and_is_told_who_hung(board, hung, reason):
    said, _ = board(TRIAL + f"trial(boots=1)\nsay(boot_by('watchdog', {hung!r}))")

    assert said[0][0]["state"] == "rolled-back"
    assert said[0][0]["reason"] == reason


# What recovery.py finds of `machine` before hal may be imported; the rules of the timers are those
# of tests/hal/test_board.py.
MACHINE = """
class Implementation:
    version = (1, {minor}, 0, "")
    _machine = "A board"

class Sys:
    platform = "{port}"
    implementation = Implementation
    modules = sys.modules

class Timer:
    ONE_SHOT = 0
    def __init__(self, number):
        if "{port}" == "rp2" and number != -1:
            raise ValueError("Timer doesn't exist")
        if "{port}" == "esp32" and {minor} < 29:
            if number < 0 and {minor} >= 25:
                raise ValueError("invalid Timer number")
            assert number == 0, "a chip may have no other"
    def init(self, mode, period, callback):
        Timer.period, Timer.callback = period, callback
    def deinit(self):
        Timer.callback = None

class machine:
    started = []
    @staticmethod
    def WDT(timeout):
        machine.started.append(timeout)

machine.Timer = Timer
journal.sys = Sys
sys.modules["machine"] = machine
"""


@pytest.mark.parametrize(
    ("port", "minor"),
    [("esp32", 24), ("esp32", 25), ("esp32", 28), ("esp32", 29), ("rp2", 24), ("rp2", 29)],
)
def test_a_trial_is_watched_over_by_a_timer_that_lives(board, port, minor):
    said, console = board(
        TRIAL
        + MACHINE.format(port=port, minor=minor)
        + """
trial(boots=1)
recovery.settle("reset")
del sys.modules["recovery"]  # boot.py and borrow() do
say(machine.started, Timer.period, Timer.callback is not None)
say(type(sys.modules["recovery.guard"]) is Timer)  # else an RP2 would end it
recovery.mark("confirmed")
say(Timer.callback, "recovery.guard" in sys.modules)
"""
    )

    assert said == [[[8000], (20 + 12 * 60) * 1000, True], [True], [None, False]]
    assert console == []


def test_a_trial_that_forgets_to_prove_itself_touches_no_file_in_a_callback(board):
    said, _ = board(
        TRIAL
        + MACHINE.format(port="rp2", minor=28)
        + """
class hal:
    @staticmethod
    def remember(text):
        say(text, flash.writes - before)
        raise KeyboardInterrupt  # in place of the watchdog: it would hang

def moved(*given):
    say("a file was touched")

trial(boots=1)
recovery.settle("reset")
sys.modules["hal"] = hal
before = flash.writes
flash.readblocks = flash.writeblocks = moved
try:
    Timer.callback(None)
except KeyboardInterrupt:
    say("hung")
"""
    )
    assert said == [["unproven", 0], ["hung"]]


@pytest.mark.parametrize("state", ["confirmed", "undoing"])
def test_ctrl_c_and_the_end_of_a_trial_stop_its_timer(board, state):
    said, _ = board(
        TRIAL
        + MACHINE.format(port="rp2", minor=28)
        + f"""
for end in (recovery.interrupted, lambda: recovery.mark("{state}")):
    trial(boots=1)
    recovery.settle("reset")
    end()
    say(Timer.callback, recovery.record()["update"]["state"])
"""
    )
    assert said == [[None, "trial"], [None, state]]


def test_no_trial_starts_a_watchdog_for_somebody_who_develops(board):
    said, _ = board(
        TRIAL
        + MACHINE.format(port="rp2", minor=28)
        + """
trial(boots=1)
recovery.settle("reset", False)
say(machine.started, "recovery.guard" in sys.modules)
"""
    )

    assert said == [[[], False]]


FED = """
calls = []
hal.feed_from_timer = lambda: calls.append("fed")
"""


@pytest.mark.parametrize("cause", ["soft", "power-on", "reset", "watchdog", "external"])
def test_after_a_soft_reset_the_watchdog_that_runs_on_is_fed(board, cause):
    """mpremote and Thonny then go to the prompt without main.py."""
    said, _ = board(FED + f"resets.reset_cause = lambda: '{cause}'\nboot()\nsay(*calls)")

    assert said == [["fed"] if cause == "soft" else []]


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ('{"watchdog": false}', False),
        ('{"watchdog": true}', True),
        ("{}", True),
        ('{"watchdog": 0}', True),
        ('{"watchdog": null}', True),
        ("[]", True),
        ('{"watchdog": false', True),
        (None, True),
    ],
)
def test_a_watchdog_is_wanted_unless_config_json_says_false(board, config, wanted):
    write = "" if config is None else f"write('/config.json', {config!r})\n"
    said, _ = board(write + "boot()\nsay(hal.watchdog_wanted)")

    assert said == [[wanted]]


@pytest.mark.parametrize("where", ["recovery.settle", "recovery.begin", "resets.reset_cause"])
def test_ctrl_c_during_the_boot_leaves_a_prompt_that_is_fed_and_no_bad_end(board, where):
    said, _ = board(
        FED
        + f"""
def interrupted(*given):
    raise KeyboardInterrupt
{where} = interrupted
try:
    boot()
except KeyboardInterrupt:
    calls.append("prompt")
say(*calls[-2:])
say(recovery.record())
"""
    )

    assert said == [["fed", "prompt"], [{"end": ""}]]


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
