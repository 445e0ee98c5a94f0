"""boot.py: whatever the flash holds, the board boots, joins its network and feeds its watchdog."""

import pytest


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
ramflash.fill()
say(recovery.begin("reset"))
boot()
say(*FakeLink.made)
""")
    assert said[0][0]["cause"] == "reset"
    assert said[1] == [DEFAULTS]
    assert all(line.startswith("recovery: the boot record could not be kept:") for line in console)


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
