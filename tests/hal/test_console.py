"""hal.console: a console that nobody reads holds nobody.

The fake is a USB serial port as MicroPython 1.28 has it (shared/tinyusb/mp_usbd_cdc.c:97): a queue
of 256 bytes that the host empties while it reads, 500 ms for a write that finds it full, and a
clock that such a write moves on. An RP2 tells whether a packet waits for the host.
"""

import json

import pytest

PRELUDE = """
import json

FIFO = 256


class Clock:
    now = 0

    @staticmethod
    def ticks_ms():
        return Clock.now // 1000

    @staticmethod
    def ticks_diff(a, b):
        return a - b


import hal.console
from hal.console import Console
hal.console.ticks_ms, hal.console.ticks_diff = Clock.ticks_ms, Clock.ticks_diff


class Port:
    def __init__(self):
        self.reads = True
        self.waiting = 0
        self.seen = b""

    def empty(self):
        Clock.now += 20
        self.host()
        return not self.waiting

    def host(self):
        if self.reads:
            self.waiting = 0

    def write(self, data, at, size):
        Clock.now += 15
        for byte in data[at : at + size]:
            self.host()
            if self.waiting >= FIFO:
                Clock.now += 500_000
                return
            self.waiting += 1
            self.seen += bytes((byte,))


def step(what, *given):
    "What it took, in ms."
    began = Clock.now
    what(*given)
    took = (Clock.now - began) / 1000
    longest[0] = max(longest[0], took)
    return took


longest = [0]


def log(console, text):
    "As services/log does."
    step(console.write, text)
    for _ in range(60):
        if console.waiting:
            Clock.now += 5000
            step(console.flush)


def say(*values):
    print(json.dumps(values))
"""
RP2 = "port = Port()\nconsole = Console(port, port.empty, 250, b'\\r\\n')\n"
ESP32 = "port = Port()\nconsole = Console(port, None, 64, b'\\r\\n')\n"
LINE = "'uptime=12s INFO ftp/transfer ' + 'x' * 100"


@pytest.fixture
def said(micropython):
    """A callable(script) -> what it said."""

    def run(script):
        return [json.loads(line) for line in micropython(PRELUDE + script).splitlines()]

    return run


@pytest.mark.parametrize("board", [RP2, ESP32])
def test_what_is_read_comes_whole(said, board):
    found = said(
        board
        + """
for number in range(20):
    log(console, "line %d, %s" % (number, "y" * 90))
console.write("Traceback:\\n  File x\\n")
say(port.seen.decode(), console.dropped, longest[0])
"""
    )[0]
    lines = found[0].split("\r\n")
    assert lines[:20] == [f"line {number}, {'y' * 90}" for number in range(20)]
    assert lines[20:] == ["Traceback:", "  File x", ""]
    assert found[1] == 0
    assert found[2] <= 20


def test_a_host_that_stops_reading_an_rp2_never_holds_the_loop(said):
    dropped, longest, after, seen = said(
        RP2
        + f"""
log(console, "before")
port.reads = False
for _ in range(500):
    log(console, {LINE})
say(console.dropped)
say(longest[0])
port.reads = True
log(console, "after")
say(console.dropped)
say(port.seen.decode()[-80:])
"""
    )
    assert dropped[0] > 490
    assert longest[0] <= 20
    assert after == dropped
    assert f"({dropped[0]} lines were not shown)\r\nafter\r\n" in seen[0]


def test_a_host_that_stops_reading_an_esp32_holds_it_seldom(said):
    """Its poll can't tell: only a write shows it. 500 ms, then ever more rarely."""
    held, dropped, after = said(
        ESP32
        + f"""
log(console, "before")
port.reads = False
held = 0
for _ in range(3600):  # an hour
    Clock.now += 1_000_000
    before = Clock.now
    log(console, {LINE})
    if Clock.now - before > 20_000:
        held += 1
say(held)
say(console.dropped)
port.reads = True
Clock.now += 600_000_000
log(console, "after")
say(port.seen.decode().endswith("lines were not shown)\\r\\nafter\\r\\n"))
"""
    )
    assert held[0] <= 13
    assert dropped[0] > 3590
    assert after == [True]


def test_a_slow_reader_gets_every_line(said):
    found = said(
        RP2
        + """
class Slow(Port):
    def host(self):  # 9,600 baud
        self.waiting = max(0, self.waiting - (Clock.now - self.last) // 1000)
        self.last = Clock.now // 1000 * 1000
    last = 0

port = Slow()
console = Console(port, port.empty, 250, b"\\r\\n")
for number in range(30):
    log(console, "line %d %s" % (number, "z" * 60))
say(console.dropped, longest[0], port.seen.count(b"\\n"))
"""
    )[0]
    assert found[0] == 0
    assert found[1] <= 20
    assert found[2] == 30


def test_a_busy_processor_is_no_host_that_stopped_reading(said):
    """Where the port tells that there is room: a simulated board once fell silent for 10 s."""
    assert said(
        """
class Busy(Port):
    def write(self, data, at, size):
        Clock.now += 70_000
        Port.write(self, data, at, size)

port = Busy()
console = Console(port, port.empty, 4096, b"\\n")
log(console, "one")
log(console, "two")
say(console.dropped, port.seen.decode())
"""
    ) == [[0, "one\ntwo\n"]]


def test_a_console_that_is_gone_is_no_error(said):
    assert said(
        """
class Gone(Port):
    def write(self, data, at, size):
        raise OSError(5)

console = Console(Gone(), None, 64, b"\\n")
console.write("hello")
log(console, "hello")
say(console.dropped, console.waiting == b"")
"""
    ) == [[2, True]]
