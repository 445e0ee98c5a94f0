"""Command lines, TYPE A's conversion: the same whatever the network cuts them into."""

import re

from fuzz.interpreter import many
from fuzz.model import without_telnet
from hypothesis import given
from hypothesis import strategies as st

LONGEST = 512  # bytes of a command line with its CR, without its LF

DEVICE = """
import io
from services.ftp.control.lines import Lines, text_of
from services.ftp.data.text import TextReader, TextWriter


class Packets:
    '''A socket that gives at most one packet a read.'''

    def __init__(self, packets):
        self.packets = packets

    def readinto(self, buffer):
        if not self.packets:
            return 0
        packet = self.packets.pop(0)
        now, later = packet[: len(buffer)], packet[len(buffer) :]
        if later:
            self.packets.insert(0, later)
        buffer[: len(now)] = now
        return len(now)


def read(packets, scratch):
    lines = Lines(Packets([packet for packet in packets if packet]), bytearray(scratch))
    found = []
    while True:
        try:
            line = lines.take()
        except ValueError:
            found.append("too long")
            continue
        if line is not None:
            found.append(line.hex())
        elif not lines.fill():
            return found


def lines_of(stream, cuts, scratch):
    stream = bytes.fromhex(stream)
    edges = [0] + sorted([min(cut, len(stream)) for cut in cuts]) + [len(stream)]
    packets = [stream[edges[i] : edges[i + 1]] for i in range(len(edges) - 1)]
    return read(packets, scratch)


def cut_everywhere(stream, scratch):
    '''The places where one cut makes other lines of the stream.'''
    whole = lines_of(stream, (), scratch)
    return [at for at in range(len(stream) // 2) if lines_of(stream, (at,), scratch) != whole]


def decoded(line):
    try:
        return text_of(bytes.fromhex(line))
    except UnicodeError:
        return None


def sent_as_text(content, size):
    reader = TextReader(io.BytesIO(bytes.fromhex(content)))
    buffer = bytearray(size)
    sent = b""
    while True:
        count = reader.readinto(buffer)
        if not count:
            return sent.hex()
        sent += buffer[:count]


def stored_as_text(packets):
    file = io.BytesIO()
    writer = TextWriter(file)
    for packet in packets:
        packet = bytearray(bytes.fromhex(packet))
        writer.write(packet + b"stale", len(packet))
    writer.finish()
    return file.getvalue().hex()
"""

# Pieces of lines: verbs, Telnet commands whole and cut, line ends of all sorts, long runs.
PIECES = st.one_of(
    st.sampled_from(
        [b"NOOP", b"\r\n", b"\n", b"\r", b"\xff\xf4\xff\xf2", b"\xf2", b"\xff", b"\xff\xfb\x01"]
    ),
    st.sampled_from([b"\xff\xfd", b"\xff\xff", b"\xff\r\n", b"\xff\xfb\n", b"\0", b"  ", b"\xc3"]),
    st.binary(max_size=6),
    st.integers(LONGEST - 8, LONGEST + 8).map(lambda size: b"x" * size),
)
STREAMS = st.lists(PIECES, max_size=12).map(b"".join)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\r\n", b"x"]),
        st.integers(505, 515).map(lambda size: b"x" * size),
    ),
    max_size=12,
).map(b"".join)


def lines_in(stream):
    """What a stream's lines are: too long, or their bytes without end and Telnet commands."""
    *lines, rest = stream.split(b"\n")
    found = []
    for line in lines:
        if len(line) > LONGEST:
            found.append("too long")
        else:
            found.append(without_telnet(line.removesuffix(b"\r")).hex())
    return [*found, *(["too long"] if len(rest) > LONGEST else [])]


@given(STREAMS, st.lists(st.integers(0, 2000), max_size=6), st.integers(1, 300))
@many(500)
def test_lines_are_the_same_however_the_packets_are_cut(device, stream, cuts, scratch):
    assert device("lines_of", stream.hex(), cuts, scratch) == lines_in(stream)


@given(st.lists(PIECES.filter(lambda piece: len(piece) < 99), max_size=12).map(b"".join))
@many(100)
def test_lines_are_the_same_wherever_one_cut_falls(device, stream):
    assert device("cut_everywhere", stream.hex(), 64) == []


@given(
    st.lists(
        st.one_of(
            st.text(max_size=2).map(str.encode),
            st.binary(max_size=4),
            st.sampled_from([b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xee\x80\x80", b"\xc0\xaf"]),
            st.sampled_from([b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xe0\x80\xaf", b"\xf7"]),
        ),
        max_size=4,
    ).map(b"".join)
)
@many(300)
def test_only_utf_8_is_taken_for_text(device, line):
    try:
        expected = line.decode()
    except UnicodeError:
        expected = None

    assert device("decoded", line.hex()) == expected


@given(TEXTS, st.integers(2, 1200))
@many(300)
def test_text_goes_out_with_each_line_end_as_crlf(device, content, size):
    expected = re.sub(rb"(?<!\r)\n", b"\r\n", content)

    assert device("sent_as_text", content.hex(), size) == expected.hex()


@given(st.lists(TEXTS, max_size=4))
@many(300)
def test_text_comes_in_with_each_crlf_as_lf(device, packets):
    expected = b"".join(packets).replace(b"\r\n", b"\n")

    assert device("stored_as_text", [packet.hex() for packet in packets]) == expected.hex()
