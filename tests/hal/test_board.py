"""hal on ESP32 and RP2, where it can't run here: what it asks of fakes of `machine` and `network`.

What the fakes allow and refuse is taken from the sources of the ports.
"""

import json

import pytest

MACHINE = """
PWRON_RESET, WDT_RESET = 1, 3
if esp32:
    HARD_RESET, DEEPSLEEP_RESET, SOFT_RESET = 2, 4, 5
calls = []
cause = 1

def reset_cause():
    return cause

def reset():
    calls.append("reset")

def deepsleep():
    calls.append("deepsleep")

def unique_id():
    return b"\\xe6\\x61\\x05"

class RTC:
    def datetime(self, when):
        calls.append(["rtc", when])

class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        calls.append(["wdt", timeout])
    def feed(self):
        calls.append("fed")

class Timer:
    def __init__(self, id=-1):
        if id != -1:
            raise ValueError("Timer doesn't exist")
    def init(self, period, callback, mode=1):
        calls.append(["timer", period])
        callback(self)
"""

NETWORK = """
calls = []
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201

def hostname(name):
    if len(name) > 32:
        raise ValueError()
    calls.append("hostname " + name)

class WLAN:
    PM_NONE = 0
    state = STAT_IDLE
    _active = False
    def active(self, on=None):
        if on is None:
            return WLAN._active
        WLAN._active = on
        calls.append("active %s" % on)
    def status(self, what=None):
        if what is None:
            return WLAN.state
        if WLAN.state != STAT_GOT_IP:
            raise OSError("Wifi Not Connected")
        return -70
    def isconnected(self):
        return WLAN.state == STAT_GOT_IP
    def config(self, **options):
        if not WLAN._active:
            raise OSError("Wifi Not Started")
        calls.append("config %s" % options)
    def disconnect(self):
        calls.append("disconnect")
        if WLAN.state == STAT_CONNECTING:
            WLAN.state = STAT_IDLE
    def connect(self, ssid, key):
        if WLAN.state == STAT_CONNECTING:
            raise OSError("Wifi Internal State Error")
        WLAN.state = STAT_CONNECTING
        calls.append("connect %s %s" % (ssid, key))
    def ifconfig(self):
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")
"""

LAN = """
class LAN:
    up = False
    def __init__(self):
        if not has_ethernet:
            raise ValueError("mdc and mdio must be specified")
        calls.append("lan")
    def active(self, on):
        calls.append("lan active %s" % on)
    def isconnected(self):
        return LAN.up
    def status(self):
        return 0
    def ifconfig(self):
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1")
"""

PRELUDE = """
import json, sys, time

class Implementation:
    version = (1, 29, 0, "")
    _machine = "A module with " + sys.argv[3]

class Sys:  # hal chooses by sys.platform
    platform = sys.argv[2]
    implementation = Implementation

class Time:  # an ESP32 counts from 2000, and its gmtime too
    shift = 946684800 if platform_esp32 else 0
    @staticmethod
    def gmtime(seconds):
        return time.gmtime(seconds + Time.shift)
    @staticmethod
    def time():
        return time.time() - Time.shift

sys.path.insert(0, sys.argv[1])
real_sys, sys.modules["sys"], sys.modules["time"] = sys, Sys, Time
import hal
from hal import identity
import machine

def say(*values):
    print(json.dumps(values))
"""


@pytest.fixture
def board(micropython, tmp_path):
    """A callable(script, platform, ...) -> list of what the script said.

    ethernet: whether the board has any; None: not even the firmware.
    """

    def run(script, platform="esp32", ethernet=None, chip="RP2040", mem32=None):
        esp32 = platform == "esp32"
        mem32 = mem32 or {0x4005801C: 0}
        (tmp_path / "machine.py").write_text(f"esp32, mem32 = {esp32}, {mem32}\n" + MACHINE)
        lan = "" if ethernet is None else f"has_ethernet = {ethernet}\n" + LAN
        (tmp_path / "network.py").write_text(NETWORK + lan)
        prelude = PRELUDE.replace("platform_esp32", str(esp32))
        out = micropython(prelude + script, tmp_path, platform, chip)
        return [json.loads(line) for line in out.splitlines() if line.startswith("[")]

    return run


@pytest.mark.parametrize("platform", ["esp32", "rp2"])
def test_clock_and_epoch(board, platform):
    said = board(
        """
say(hal.EPOCH)
say(abs(hal.unix_time() - real_sys.modules["time"].time() - hal.EPOCH) < 2)
hal.set_clock(1795378689)
say(*machine.calls)
""",
        platform,
    )
    assert said[0] == [946684800 if platform == "esp32" else 0]
    assert said[1] == [True]
    # year, month, day, weekday (0 is Monday), hours, minutes, seconds, subseconds
    assert said[2] == [["rtc", [2026, 11, 22, 6, 20, 18, 9, 0]]]


@pytest.mark.parametrize("platform", ["esp32", "rp2"])
def test_watchdog_fits_the_shortest_and_can_be_fed_from_a_timer(board, platform):
    said = board(
        """
wdt = hal.watchdog(20000)
hal.watchdog(5000)
hal.rest_watchdog(wdt)
hal.rest_watchdog(None)
hal.reset()
hal.deepsleep()
say(*machine.calls)
""",
        platform,
    )
    assert said == [
        [["wdt", 8388], ["wdt", 5000], ["timer", 1000], "fed", "reset", "deepsleep"],
    ]


def test_names_of_the_board(board):
    said = board(
        "say(identity.unique_id(), identity.firmware(), hal.peer_address(('10.0.0.9', 4711)))"
    )
    assert said[0][0] == "e66105"
    assert said[0][1] == "MicroPython 1.29.0 on esp32"
    assert said[0][2] == ["10.0.0.9", 4711]


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("FE80::1A:2B", "fe80::1a:2b"),
        ("::FFFF:192.168.1.7", "192.168.1.7"),
        ("::1", "::1"),
    ],
)
def test_addresses_as_lwip_writes_them(board, told, host):
    assert board(f"say(*hal.peer_address(({told!r}, 21)))") == [[host, 21]]


def test_reset_causes_of_an_esp32(board):
    said = board("""
causes = []
for machine.cause in range(6):
    causes.append(identity.reset_cause())
say(*causes)
""")
    assert said == [["reset", "power-on", "reset", "watchdog", "deep-sleep", "soft"]]


@pytest.mark.parametrize(("mark", "cause"), [(0x6AB73121, "watchdog"), (0, "reset")])
@pytest.mark.parametrize(("chip", "base"), [("RP2040", 0x40058000), ("RP2350", 0x400D8000)])
def test_an_rp2_tells_a_reset_asked_for_from_the_watchdogs(board, chip, base, mark, cause):
    said = board(
        """
say(identity.reset_cause())
machine.cause = machine.WDT_RESET
for address in machine.mem32:
    machine.mem32[address] = 0x6ab73121  # our own watchdog starts; what was read stays
say(identity.reset_cause())
""",
        "rp2",
        chip=chip,
        mem32={base + 0x1C: mark},
    )
    assert said == [["power-on"], [cause]]


CONNECT = """
import network
link = hal.Link("field", "hunter2", "weather-7")
link.start()
"""


def test_wifi_is_started_once_and_never_interrupted(board):
    said = board(
        CONNECT
        + """
say(*network.calls)
say(link.up(), link.address(), link.rssi())
link.start()  # on the way
network.WLAN.state = network.STAT_GOT_IP
link.start()  # connected
say(link.up(), link.address(), link.rssi())
again = hal.Link("field", "hunter2", "weather-7")  # services/network, after boot.py
again.start()
say(again.up(), network.calls.count("connect field hunter2"), network.calls.count("disconnect"))
"""
    )
    assert said == [
        [
            "hostname weather-7",
            "active True",
            "config {'pm': 0}",
            "connect field hunter2",
        ],
        [False, None, None],
        [True, "192.168.4.2", -70],
        [True, 1, 0],
    ]


def test_wifi_that_failed_is_asked_again(board):
    said = board(
        CONNECT
        + """
network.WLAN.state = network.STAT_NO_AP_FOUND
link.start()
say(*network.calls[-3:])
"""
    )
    assert said == [["disconnect", "config {'pm': 0}", "connect field hunter2"]]


def test_stop_takes_the_interface_down_and_start_begins_afresh(board):
    said = board(
        CONNECT
        + """
link.stop()
say(*network.calls[-2:])
link.start()
say(*network.calls[-3:])
hal.Link("x").stop()  # never started: nothing to take down
"""
    )
    assert said == [
        ["disconnect", "active False"],
        ["active True", "config {'pm': 0}", "connect field hunter2"],
    ]


def test_a_chip_without_power_saving_connects_too(board):
    said = board("import network\ndel network.WLAN.PM_NONE\n" + CONNECT + "say(*network.calls)")
    assert said[0][-1] == "connect field hunter2"


def test_a_long_hostname_is_cut(board):
    said = board("hal.Link('a', 'b', 'n' * 40).start()\nimport network\nsay(network.calls[0])")
    assert said == [["hostname " + "n" * 32]]


def test_without_an_ssid_ethernet_is_the_link(board):
    said = board(
        """
import network
link = hal.Link(hostname="w7")
link.start()
say(link.up(), link.address(), *network.calls)
network.LAN.up = True
say(link.up(), link.address(), link.rssi())
link.stop()
say(network.calls[-1])
""",
        ethernet=True,
    )
    assert said == [
        [False, None, "hostname w7", "lan", "lan active True"],
        [True, "10.1.2.3", None],
        ["lan active False"],
    ]


@pytest.mark.parametrize("ethernet", [None, False])
def test_without_an_ssid_and_a_cable_wifi_is_only_looked_at(board, ethernet):
    said = board(
        """
import network
link = hal.Link()
link.start()
say(link.up(), *network.calls)
network.WLAN.state = network.STAT_GOT_IP  # somebody else's doing
say(link.up(), link.address())
""",
        ethernet=ethernet,
    )
    assert said == [[False], [True, "192.168.4.2"]]


def test_a_board_without_network_says_so(board):
    said = board("""
import os
os.remove(real_sys.argv[1] + "/network.py")
link = hal.Link("a", "b")
try:
    link.start()
except OSError as error:
    say(str(error))
say(link.up(), link.address(), link.rssi())
""")
    assert said == [["this board's firmware has no network"], [False, None, None]]
