"""hal/lwip.py on a model of lwIP: no write is entered that would block and lose its bytes."""

import json
from pathlib import Path

import pytest
from outpost.sim.boards import BOARDS

ROOT = Path(__file__).resolve().parent.parent.parent
PICO_W = BOARDS["pico-w"]

PRELUDE = """
import sys, json, random
import lwipmodel as model
lwip = model.install(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
Socket = model.Socket

def say(*values):
    print(json.dumps(values))

class Line:
    '''A connection and who writes it: everything that was to be sent, in order.'''
    def __init__(self, bulk=False, **peer):
        self.sock = Socket(**peer)
        self.writer = lwip["Writer"](self.sock, bulk)
        self.sent = bytearray()
        self.number = 0
    def put(self, size):
        '''Try to write size bytes: how many went.'''
        data = bytearray(size)
        for at in range(size):
            data[at] = (self.number + at) & 255
        count = self.writer.write(data, 0, size) or 0
        self.sent.extend(data[:count])
        self.number += count
        return count
    def fill(self, chunk=4096):
        '''Write until there is no room; how much went.'''
        total = 0
        while True:
            count = self.put(chunk)
            total += count
            if count < chunk:
                return total
    def whole(self):
        '''Acknowledge all; whether the peer has exactly what was written.'''
        while self.sock.unsent or self.sock.unacked:
            self.sock.acknowledge()
        return self.sock.received == self.sent
"""


@pytest.fixture
def said(micropython):
    """A callable(script, ...) -> list of what the script said, hal/lwip.py being there."""

    def run(script, timeout=120):
        sizes = PICO_W.lwip_heap, PICO_W.send_buffer
        out = micropython(PRELUDE + script, ROOT, *sizes, timeout=timeout, heap="64M")
        return [json.loads(line) for line in out.splitlines() if line.startswith("[")]

    return run


def test_the_model_blocks_and_loses_as_the_port_does(said):
    """Without hal.lwip: what a board does that has one stalled download and a reply to send."""
    written, received = said("""
for size in (800, 300, 30):  # stalled downloads, with no memory left for the last of them
    sock = Socket(window=2000)
    for _ in range(20):
        sock.write(bytes(size), 0, size)
before = len(model.blocked)
control = Socket()
say(control.write(b"226 Transfer complete.\\r\\n" * 4), len(model.blocked) - before)
control.acknowledge()
say(len(control.received))
""")
    assert written == [96, 1], "in full, says the port"
    assert received == [0]


def test_its_place_in_lwip_is_found(said):
    assert said('lwip["_find"]()\nsay(lwip["_mss"], lwip["_snd_buf"])') == [[90, 140]]


def test_one_stalled_download_leaves_room_for_all_others(said):
    """For a second download, for replies of both sessions and for MQTT, and for each again."""
    held, second, replies, blocked = said("""
stalled = Line(True, window=2304)
say(stalled.fill(), model.heap.used())
other, replies, mqtt = Line(True), Line(), Line()
moved = 0
for _ in range(50):
    moved += other.fill()
    other.sock.acknowledge()
say(moved, other.whole())
other.fill()
answered = []
for _ in range(50):
    answered.append(replies.put(60) == 60 and mqtt.put(2500) >= 200)
    replies.sock.acknowledge()
    mqtt.sock.acknowledge()
say(all(answered), replies.whole(), mqtt.whole())
say(len(model.blocked))
""")
    assert held[0] <= 3200
    assert held[1] < 4200
    assert second[0] >= 50 * 1600, "two segments in flight: no delayed acknowledgement slows it"
    assert second[1]
    assert replies == [True, True, True]
    assert blocked == [0]


def test_two_stalled_downloads_leave_room_for_replies(said):
    assert said("""
for _ in range(2):
    Line(True, window=2304).fill()
answered = []
lines = [Line() for _ in range(3)]
for line in lines:  # all on the way at once
    answered.append(line.put(100) == 100)
for line in lines:
    line.sock.acknowledge()
say(answered, len(model.blocked))
""") == [[[True, True, True], 0]]


def test_a_client_that_pipelines_and_does_not_read_blocks_nothing(said):
    """Each reply would hold one of the 32 buffers of a connection, however short it is."""
    went, all_there, blocked = said("""
line = Line(window=100)
count = 0
while line.put(22):
    count += 1
say(count)
say(line.whole())
say(len(model.blocked))
""")
    assert 4 <= went[0] <= 12
    assert all_there == [True]
    assert blocked == [0]


@pytest.mark.parametrize("mss", [1, 25, 88, 216, 536])
@pytest.mark.parametrize("window", [2, 512, 2304, 64240])
def test_peers_that_want_short_segments(said, mss, window):
    """Each segment takes 112 bytes beside its data, and all connections have 32 of them."""
    assert said(f"""
greeting, bulk, other = Line(mss={mss}, window={window}), Line(True, mss={mss}), Line()
for line, size in ((greeting, 45), (bulk, 4096), (other, 300)):
    done = 0
    for _ in range(10000):
        done += line.put(size - done)
        if done == size:
            break
        for each in (greeting, bulk, other):
            each.sock.acknowledge()
    say(done == size, line.whole())
say(len(model.blocked))
""") == [[True, True], [True, True], [True, True], [0]]


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_connections_keeps_all_bytes(said, seed):
    """As many connections as lwIP has, with peers that read as they like or not at all."""
    *lines, blocked, counts = said(f"""
random.seed({seed})
lines = []
for number in range({PICO_W.sockets}):
    lines.append(Line(
        number < 2,
        mss=random.choice((88, 536, 800)),
        window=random.choice((576, 2304, 64240)),
    ))
    lines[-1].eager = random.choice((0, 1, 1, 4))
moved = 0
for _ in range(3000):
    line = random.choice(lines)
    moved += line.put(random.choice((9, 25, 120, 300, 800, 4096)))
    line = random.choice(lines)
    if line.eager:
        line.sock.acknowledge(line.eager)
for line in lines:
    say(line.whole())
say(len(model.blocked))
say(model.heap.used(), model.segments[0], moved)
""")
    assert blocked == [0]
    assert lines == [[True]] * PICO_W.sockets
    assert counts[:2] == [336, 0]
    assert counts[2] > 10_000


def test_in_another_firmware_the_room_alone_is_looked_at(said):
    """Where mss and snd_buf are not found; a client that sends and reads is served as well."""
    assert said("""
model._MSS = model._SND_BUF = 10_000
stalled, replies = Line(True, window=2304), Line()
say(lwip["_snd_buf"])
stalled.fill()
answered = []
for _ in range(20):
    answered.append(replies.put(60) == 60)
    replies.sock.acknowledge()
say(all(answered), len(model.blocked), stalled.whole())
""") == [[0], [True, 0, True]]


def test_a_lost_connection_is_told_however_little_room_there_is(said):
    assert said("""
for _ in range(2):
    Line(True, window=2304).fill()
dead = Line()
while dead.put(200):
    pass
dead.sock.reset = True
try:
    dead.put(10)
except OSError as error:
    say(error.errno)
""") == [[104]]


def test_what_waits_for_room_waits_ever_longer_until_a_write_goes(said):
    assert said("""
line = Line()
pauses = [lwip["later_ms"]() for _ in range(6)]
line.put(10)
say(pauses, lwip["later_ms"]())
""") == [[[2, 4, 8, 16, 32, 32], 2]]


def test_tls_writes_through_it_too(said):
    assert said("""
sock = Socket()
sock.readinto = None
wire = lwip["Wire"](sock)
say(wire.write(bytearray(1500)), wire.write(bytearray(100)), wire.ioctl(3, 0))
sock.acknowledge()
say(wire.write(bytearray(100)), len(model.blocked))
""") == [[800, None, 0], [100, 0]]
