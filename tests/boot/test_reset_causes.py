"""resets.reset_cause(): why a board started, by what the ports tell.

The fakes are the ports' own words: esp32/modmachine.c:233 and rp2/modmachine.c:81 at 1.28, and for
an RP2 the pico-sdk's hardware_watchdog/watchdog.c with the registers as it describes them.
"""

import json

import pytest

PRELUDE = """
import json, sys

class Implementation:
    version = (1, 28, 0, "")
    _machine = "A module with " + sys.argv[2]

class Sys:
    platform = sys.argv[1]
    implementation = Implementation
    modules = sys.modules

import resets
resets.sys = Sys

def say(*values):
    print("@" + json.dumps(values))
"""

ESP32 = """
class machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    cause = 1

    @staticmethod
    def reset_cause():
        return machine.cause

sys.modules["machine"] = machine
"""

CHIP = """
CTRL, LOAD, REASON, SCRATCH4 = 0, 4, 8, 0x1C
BASE = 0x400D8000 if "RP2350" in sys.argv[2] else 0x40058000
FRESH = 0x07000000  # WATCHDOG_CTRL_RESET: the three pause bits
PAUSES, ENABLE = 0x07000000, 0x40000000
TIMER, FORCE = 1, 2
MAGIC = 0x6AB73121


class Mem32:
    "The registers; what is read is signed, as on a 32-bit board (extmod/machine_mem.c)."
    content = {}

    def __getitem__(self, at):
        assert BASE <= at < BASE + 0x30, hex(at)
        value = self.content.get(at - BASE, 0)
        return value - (1 << 32) if value >> 31 else value

    def __setitem__(self, at, value):
        alias, at = at - BASE & 0x3000, at - BASE & ~0x3000
        assert at == CTRL and alias == 0x3000, "of these only CTRL's bits are cleared"
        self.content[at] &= ~value


class Chip:
    "What happens to one; each power-on, bite and so on is followed by a boot."

    def __init__(self):
        self.mem = Mem32()
        self.boots = []
        self.power_on()

    def power_on(self):
        "Or the RUN pin: both reset the scratch registers and the reason."
        self.mem.content.clear()
        self._hardware(0)

    def _hardware(self, reason):
        self.mem.content[CTRL] = FRESH
        self.mem.content[REASON] = reason
        self.boot()

    def start_watchdog(self):
        "watchdog_enable(), of machine.WDT"
        self.mem.content[SCRATCH4] = MAGIC
        self.mem.content[CTRL] = ENABLE

    def bite(self):
        self._hardware(TIMER)

    def machine_reset(self):
        "watchdog_reboot(0, SRAM_END, 0): rp2/modmachine.c:74"
        self.mem.content[SCRATCH4] = 0
        self.mem.content[CTRL] = 0
        self._hardware(FORCE)

    def flashed(self):
        "The boot ROM's watchdog_reboot(0, 0, 10), after a UF2 or picotool"
        self.mem.content[SCRATCH4] = 0
        self._hardware(TIMER)

    def soft_reset(self):
        self.boot()

    def boot(self):
        self.boots.append(resets.reset_cause())


class machine:
    PWRON_RESET, WDT_RESET = 1, 3

    @staticmethod
    def reset_cause():
        return 3 if Mem32.content[REASON] else 1  # watchdog_caused_reboot()

machine.mem32 = Mem32()
sys.modules["machine"] = machine
chip = Chip()
"""


@pytest.fixture
def said(micropython):
    """A callable(script, platform, chip) -> what the script said."""

    def run(script, platform, chip="RP2040"):
        out = micropython(PRELUDE + script, platform, chip).splitlines()
        return [json.loads(line[1:]) for line in out if line.startswith("@")]

    return run


def test_an_esp32_tells_them_all(said):
    script = """
causes = []
for machine.cause in range(6):
    causes.append(resets.reset_cause())
say(*causes)
"""
    assert said(ESP32 + script, "esp32", "ESP32S3") == [
        ["external", "power-on", "reset", "watchdog", "deep-sleep", "soft"]
    ]


def test_the_plain_unix_port_has_one(said):
    assert said("say(resets.reset_cause())", "linux") == [["power-on"]]


@pytest.mark.parametrize("chip", ["RP2040", "RP2350"])
class TestRP2:
    """What the RP2 calls a reset by the watchdog until the next reset of its hardware."""

    def test_bites_and_resets_asked_for_are_two_things(self, said, chip):
        script = """
chip.start_watchdog()
chip.bite()
chip.start_watchdog()
chip.machine_reset()
chip.machine_reset()
chip.start_watchdog()
chip.bite()
chip.power_on()
say(*chip.boots)
"""
        causes = ["power-on", "watchdog", "reset", "reset", "watchdog", "power-on"]
        assert said(CHIP + script, "rp2", chip) == [causes]

    @pytest.mark.parametrize("before", ["power_on", "bite", "machine_reset"])
    @pytest.mark.parametrize("watchdog", [True, False])
    def test_a_soft_reset_is_one_whatever_was_before(self, said, chip, before, watchdog):
        script = f"""
chip.start_watchdog()
chip.{before}()
if {watchdog}:
    chip.start_watchdog()
for _ in range(5):
    chip.soft_reset()
say(*chip.boots[-5:])
chip.machine_reset()
chip.start_watchdog()
chip.soft_reset()
chip.bite()
say(*chip.boots[-3:])
"""
        assert said(CHIP + script, "rp2", chip) == [["soft"] * 5, ["reset", "soft", "watchdog"]]

    def test_a_flasher_is_neither(self, said, chip):
        script = """
chip.flashed()
chip.start_watchdog()
chip.flashed()
say(*chip.boots)
"""
        assert said(CHIP + script, "rp2", chip) == [["power-on", "external", "external"]]
