"""hal on ESP32 and RP2, where it can't run here: what it asks of a fake of `machine`.

What the fake allows and refuses is taken from the sources of the ports. link/: the network.
"""

import json

import pytest
from outpost.sim.boards import BOARDS

# machine.py as the port has it. `port` and `version` choose the rules; `timers` is how many
# hardware timers the chip has (SOC_TIMER_GROUP_TOTAL_TIMERS).
MACHINE = """
import os

PWRON_RESET, WDT_RESET = 1, 3
if port == "esp32":
    HARD_RESET, DEEPSLEEP_RESET, SOFT_RESET = 2, 4, 5
calls = []
cause = 1

def reset_cause():
    return cause

def reset():
    calls.append("reset")

def deepsleep():
    calls.append("deepsleep")
    if port == "rp2":  # modmachine.c:178: with Wi-Fi up there is something pending, and it resets
        import network
        if getattr(network, "WLAN", None) and network.WLAN.powered:
            calls.append("reset")

def unique_id():
    return b"\\xe6\\x61\\x05"

class RTC:
    content = b""
    def datetime(self, when):
        calls.append(["rtc", when])
    if port == "esp32":  # machine_rtc.c:167, at 1.28
        def memory(self, data=None):
            if data is None:
                return RTC.content
            if len(data) > 2048:
                raise ValueError("buffer too long")
            RTC.content = bytes(data)

class WDT:
    broken = None
    def __init__(self, id=0, timeout=5000):
        if WDT.broken:
            raise WDT.broken
        if timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        calls.append(["wdt", timeout])
    def feed(self):
        calls.append("fed")

class Timer:
    running = {}  # what fires: number or file descriptor -> (period, callback)

    def __init__(self, id=None):
        if port == "rp2":
            # rp2/machine_timer.c:121: the software timer alone, and it may be left out.
            if id not in (None, -1):
                raise ValueError("Timer doesn't exist")
        elif id is None and version < (1, 29):
            raise TypeError("function missing 1 required positional arguments")
        elif version >= (1, 29):
            # esp32/machine_timer.c:92 at 1.29: below 0 are virtual ones.
            if id is not None and id >= timers:
                raise ValueError("Timer(%d) doesn't exist" % id)
        elif version >= (1, 25):
            # :124 at 1.28, as an unsigned number
            if not 0 <= id < timers:
                raise ValueError("invalid Timer number")
        else:
            # :76 at 1.24: group and index are masked out, and nothing asks whether the chip has
            # such a timer; one that it hasn't is taken for memory that isn't the timer's.
            group, index = (id & 1, 0) if chip == "ESP32C3" else (id >> 1 & 1, id & 1)
            assert timers == 4 or index == 0, "no such hardware"
            id = group << 1 | index
        self.id = id
        # An RP2's alarm keeps no reference to its timer, whose finaliser stops it (:166): so does
        # this file's, and the descriptor tells.
        self.alarm = open("/dev/null") if port == "rp2" else None

    def init(self, *, period, callback, mode=1):
        calls.append(["timer", period])
        key = self.alarm.fileno() if self.alarm else -1 if self.id is None else self.id
        Timer.running[key] = period, callback

    def deinit(self):
        for key in list(Timer.running):
            if key == (self.alarm.fileno() if self.alarm else self.id):
                del Timer.running[key]

def fire():
    "Every timer that still runs goes off once; how many did."
    count = 0
    for key, (period, callback) in list(Timer.running.items()):
        if port == "rp2":
            try:
                os.stat("/proc/self/fd/%d" % key)
            except OSError:
                continue  # collected
        callback(None)
        count += 1
    return count
"""

NETWORK = """
class WLAN:
    powered = True
    def deinit(self):  # of cyw43 alone, which takes the chip's power (network_cyw43.c:133)
        WLAN.powered = False
"""

PRELUDE = """
import json, sys, time

class Implementation:
    version = given_version
    _machine = "A module with " + sys.argv[3]

class Sys:  # hal chooses by sys.platform
    platform = sys.argv[2]
    implementation = Implementation

class Time:  # an ESP32 counts from 2000, and its gmtime too
    shift = 946684800 if platform_esp32 else 0
    ticks_ms, ticks_add, ticks_diff = time.ticks_ms, time.ticks_add, time.ticks_diff
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
    """A callable(script, platform, ...) -> list of what the script said."""

    def run(
        script,
        platform="esp32",
        chip="RP2040",
        mem32=None,
        version=(1, 29, 0, ""),
        timers=4,
    ):
        facts = {"port": platform, "version": version, "chip": chip, "timers": timers}
        facts["mem32"] = mem32 or dict.fromkeys(range(0x40058000, 0x4005802C, 4), 0)
        lines = "".join(f"{name} = {value!r}\n" for name, value in facts.items())
        (tmp_path / "machine.py").write_text(lines + MACHINE)
        (tmp_path / "network.py").write_text(NETWORK)
        prelude = PRELUDE.replace("platform_esp32", str(platform == "esp32"))
        prelude = prelude.replace("given_version", str(version))
        out = micropython(prelude + script, tmp_path, platform, chip)
        return [json.loads(line) for line in out.splitlines() if line.startswith("[")]

    return run


@pytest.mark.parametrize("name", ["esp32", "esp32-s3", "pico-w", "pico2-w"])
def test_the_sockets_that_outpost_takes_are_there(board, name):
    profile = BOARDS[name]
    [[connections, passive]] = board("say(hal.SOCKETS, hal.LISTENERS)", profile.port)

    needed = connections + 1  # MQTT
    if profile.listeners_count:
        needed += 1 + passive + 3  # FTP's listener, and DNS, NTP, syslog
    assert needed <= profile.sockets


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
def test_the_watchdog_fits_the_shortest_and_can_be_fed_from_a_timer(board, platform):
    said = board(
        """
hal.watchdog().feed()
hal.feed_from_timer()
machine.fire()
hal.reset()
hal.deepsleep()
say(*machine.calls)
""",
        platform,
    )
    assert said == [
        [["wdt", 8000], "fed", ["wdt", 8000], "fed", ["timer", 1000], "fed", "reset", "deepsleep"],
    ]


def test_an_rp2_takes_its_wifi_down_before_it_sleeps_for_else_that_is_a_reset(board):
    said = board(
        """
hal.deepsleep()
import network
del network.WLAN  # a board without Wi-Fi
hal.deepsleep()
say(*machine.calls)
""",
        "rp2",
    )
    assert said == [["deepsleep", "deepsleep"]]


def test_no_watchdog_is_started_for_somebody_who_develops(board):
    said = board("""
hal.watchdog_wanted = False
say(hal.watchdog())
hal.feed_from_timer()
say(*machine.calls)
""")
    assert said == [[None], []]


def test_a_watchdog_that_cannot_be_started_stops_nothing(board):
    said = board("""
machine.WDT.broken = OSError(259)
say(hal.watchdog())
hal.feed_from_timer()
say(*machine.calls)
""")
    assert said == [[None], []]


ESP32S = [("ESP32", 4), ("ESP32S2", 4), ("ESP32S3", 4), ("ESP32C3", 2), ("ESP32C6", 2)]
TIMERS = [
    *(
        ("esp32", version, *chip)
        for version in ((1, 24, 1, ""), (1, 25, 0, ""))
        for chip in ESP32S
    ),
    *(("esp32", (1, 28, 0, ""), *chip) for chip in [*ESP32S, ("ESP32C2", 1), ("ESP32P4", 4)]),
    ("esp32", (1, 29, 0, ""), "ESP32", 4),
    ("esp32", (1, 29, 0, ""), "ESP32C2", 1),
    *(("rp2", (1, minor, 0, ""), "RP2040", 0) for minor in (24, 25, 26, 27, 28, 29)),
]


@pytest.mark.parametrize(("platform", "version", "chip", "timers"), TIMERS)
def test_a_timer_lives_until_another_takes_its_place(board, platform, version, chip, timers):
    said = board(
        """
import gc
ticked = []
def start(name):
    hal.timer(1000, lambda timer: ticked.append(name))
start("a")
for _ in range(20):
    gc.collect()
    [bytearray(64) for _ in range(100)]
say(machine.fire(), ticked)
start("b")
say(machine.fire(), ticked)
hal.timer(0, None)
say(machine.fire(), ticked)
""",
        platform,
        version=version,
        chip=chip,
        timers=timers,
    )
    assert said == [[1, ["a"]], [1, ["a", "b"]], [0, ["a", "b"]]]


def test_a_board_without_a_timer_boots(board):
    said = board("""
class Timer:
    def __init__(self, id):
        raise OSError(12)
machine.Timer = Timer
hal.timer(1000, say)
hal.feed_from_timer()
del machine.Timer
hal.timer(1000, say)
say("alive")
""")
    assert said == [["alive"]]


def test_what_an_esp32_remembers_lies_behind_what_the_application_keeps(board):
    said = board("""
say(identity.remembered())
hal.remember("ftp")
hal.remember("telemetry")
say(identity.remembered(), identity.remembered(), machine.RTC.content.decode())
machine.RTC.content = b"counter 7"
hal.remember("app")
say(machine.RTC.content.startswith(b"counter 7"), len(machine.RTC.content) > 9)
say(identity.remembered(), machine.RTC.content.decode())
hal.remember("app")
hal.remember(None)  # it let go
say(identity.remembered(), machine.RTC.content.decode())
machine.RTC.content = b"x" * 2048
hal.remember("app")
say(identity.remembered(), len(machine.RTC.content))
""")
    assert said == [
        [None],
        ["telemetry", None, ""],
        [True, True],
        ["app", "counter 7"],
        [None, "counter 7"],
        [None, 2048],
    ]


@pytest.mark.parametrize(("chip", "base"), [("RP2040", 0x40058000), ("RP2350", 0x400D8000)])
def test_what_an_rp2_remembers_lies_in_scratch_registers_that_nobody_else_uses(board, chip, base):
    registers = [base + at for at in range(0, 0x2C, 4)]
    said = board(
        """
mem = machine.mem32
free = sorted(mem)[-3:]  # SCRATCH5 to 7
def others():
    return [mem[at] for at in sorted(mem) if at not in free]
before = others()
say(identity.remembered())
hal.remember("telemetry")
for at in mem:
    if mem[at] >= 1 << 31:
        mem[at] -= 1 << 32  # as a 32-bit board reads it
say(identity.remembered(), identity.remembered(), [mem[at] for at in free])
hal.remember("a_function_with_a_long_name")
say(identity.remembered())
for at in free:
    mem[at] = 0x64636261  # the application's
hal.remember("app")
say(identity.remembered(), [mem[at] for at in free], others() == before)
""",
        "rp2",
        chip=chip,
        mem32={at: 0x12345678 if at < base + 0x20 else 0 for at in registers},
    )
    assert said == [
        [None],
        ["telemetry", None, [0, 0, 0]],
        ["a_function"],
        [None, [0x64636261] * 3, True],
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


@pytest.mark.parametrize(("platform", "number"), [("rp2", 0x40), ("esp32", 1)])
def test_replies_are_sent_at_once_by_the_ports_own_option(board, platform, number):
    """modlwip.c:71 has TF_NODELAY for TCP_NODELAY, and a warning for each unknown option."""
    said = board(
        f"""
class Sockets:
    TCP_NODELAY = {number}
class Sock:
    def setsockopt(self, level, option, value):
        say(level, option, value)
hal.socket = Sockets
hal.tune(Sock())
""",
        platform,
    )
    assert said == [[6, number, 1]]


def test_a_refused_connection_is_told_by_hup_which_an_esp32_wants_to_be_asked_for(board):
    """modsocket.c, socket_stream_ioctl: exceptions are looked for where HUP is among the flags."""
    said = board("""
import io
real_sys.modules["time"] = time
from hal import net

class Sock(io.IOBase):
    def __init__(self, events):
        self.events = events
    def ioctl(self, request, asked):
        return self.events & asked if request == 3 else -1

WRITE, ERROR, HUP = 4, 8, 16
say(net.failed(Sock(WRITE)), net.failed(Sock(WRITE | HUP)))
""")
    assert said == [[False, True]]


def test_a_client_that_is_sent_away_is_not_reset(board):
    """tcp.c, tcp_close_shutdown: a connection is reset where its bytes were not read."""
    said = board("""
real_sys.modules["time"] = time
from hal import net

class Sock:
    def __init__(self, waiting):
        self.waiting = waiting
        self.read = 0
    def readinto(self, buffer):
        if self.waiting is None:
            raise OSError(104)
        size = min(self.waiting, len(buffer))
        self.waiting -= size
        self.read += size
        return size or None
    def close(self):
        say("closed", self.read)

for waiting in (0, 600, None):
    net.hang_up(Sock(waiting), bytearray(256))
""")
    assert said == [["closed", 0], ["closed", 600], ["closed", 0]]
