"""Records of TLS: where data ends, where a handshake ends, what is left of one in the buffer."""

import pytest

WIRE = """
from services.ftp.tls import _Wire

class Socket:
    def __init__(self, pieces):
        self.pieces = pieces

    def readinto(self, buffer):
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        if piece[size:]:
            self.pieces.insert(0, piece[size:])
        return size

    def write(self, buffer, start, size):
        return size

wire = _Wire(Socket(%r), False)
while True:
    header = bytearray(5)
    done = 0
    want = header
    while done < len(want):
        rest = bytearray(len(want) - done)
        size = wire.readinto(rest)
        if size <= 0:
            break
        want[done : done + size] = rest[:size]
        done += size
        if want is header and done == 5:
            want = bytearray(header[3] << 8 | header[4])
            done = 0
    if size <= 0:
        print(size)
        break
"""
RECORD = b"\x17\x03\x03\x01\x00" + bytes(251) + b"\x15\x03\x03\x00\x00"
ALERT = b"\x15\x03\x03\x00\x02\x01\x00"


@pytest.mark.parametrize(
    ("received", "end"),
    [
        (RECORD, -103),
        (RECORD + ALERT, 0),
        (RECORD + ALERT[:-1], -103),
        (RECORD + ALERT[:3], -103),
        (RECORD + RECORD[:-5], -103),
        (ALERT, 0),
        (b"", -103),
    ],
    ids=["data", "alert", "half an alert", "half a header", "half a record", "first", "nothing"],
)
@pytest.mark.parametrize("size", [1, 2, 5, 251, 256, 1000])
def test_only_an_alert_ends_the_data(micropython, received, end, size):
    """Whatever the pieces, and whatever data looks like: a record's end may look like an alert."""
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    assert micropython(WIRE % pieces) == f"{end}\n"


SHAKE = """
from services.ftp.tls import _Wire

class Socket:
    sizes = [50, 40, 1, 0, 5, None, 40]

    def write(self, buffer, start, size):
        return self.sizes.pop(0)

    def readinto(self, buffer):
        return 1

wire = _Wire(Socket(), False)
data = bytearray(1)
for record in ((22, 50), (22, 40), (20, 6), (20, 5), (20, 5), (22, 40), (22, 40)):
    wire.write(bytes(record[:1]) + bytes(record[1] - 1))
    print(record[0], wire.blocked, wire.done, wire.readinto(data))
wire.shaking = False
print(wire.readinto(data))
"""


def test_the_end_of_a_handshake_is_seen_and_takes_no_data(micropython):
    """ChangeCipherSpec in pieces, one of them nothing, then the last record at its second try."""
    assert micropython(SHAKE).splitlines() == [
        "22 False False 1",
        "22 False False 1",
        "20 True False 1",
        "20 True False 1",
        "20 False False 1",
        "22 True False 1",
        "22 False True None",
        "1",
    ]


PUMP = """
import asyncio, socket, time
from services.ftp.data.pump import receive

class Secured:
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # never readable
    left = 3

    def readinto(self, buffer):
        time.sleep_ms(6)
        self.left -= 1
        return max(self.left, 0)

class Transfer:
    pass

transfer = Transfer()
received = receive(Secured(), lambda buffer, size: None, bytearray(9), transfer)
asyncio.run(asyncio.wait_for(received, 5))
print(transfer.bytes)
"""


def test_what_is_left_of_a_record_needs_no_more_of_the_socket(micropython):
    """After a slice of time the pump goes on with what TLS has decrypted already."""
    assert micropython(PUMP) == "3\n"
