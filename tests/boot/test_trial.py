"""An update on trial across boots: which resets end it, and the timer that watches over it."""

import pytest

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


def test_a_version_on_trial_whose_watchdog_bites_on_its_way_down_is_not_bitten(board):
    said, _ = board("""
write("/boot.json", '{"boots": 1, "end": "", "update": {"state": "trial", "boots": 1}}')
recovery.settle("watchdog")
say(recovery.begin("watchdog"))
""")

    assert said == [
        [{"boots": 2, "cause": "reset", "update": {"state": "trial", "boots": 2}}],
    ]


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
