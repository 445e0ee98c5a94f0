"""What servers send: time, names, MQTT packets. Whatever comes, it is understood or refused."""

import ipaddress
from datetime import UTC, datetime, timedelta

from fuzz.interpreter import DeviceError, many
from hypothesis import given
from hypothesis import strategies as st

DEVICE = """
import asyncio, io
from hal import dns, net
from services.telemetry.connection import Connection
from services.time import sntp


def believe(reply, cookie):
    try:
        sntp._believe(bytes.fromhex(reply), bytes.fromhex(cookie))
    except sntp.KissOfDeath as error:
        return "kiss " + str(error)
    except ValueError as error:
        return "refused " + str(error)
    return "believed"


def unix_ms(stamp):
    return sntp._unix_ms(bytes(40) + bytes.fromhex(stamp))


def name_answer(reply, ident):
    try:
        reply = bytes.fromhex(reply)
        # As dns._reply() has it: the number that was asked with, in a reply.
        known = reply[:2] == bytes.fromhex(ident) and reply[2] & 0x80
        return dns._answer(reply) if known else None
    except (IndexError, ValueError):
        return None


def is_address(text):
    return net.is_address(text)


class Line(io.IOBase):
    '''A socket that gives at most one packet a read, and takes so many bytes a write.'''

    def __init__(self, packets, takes):
        self.packets = packets
        self.takes = takes
        self.sent = b""

    def ioctl(self, request, argument):
        return argument if request == 3 else -1  # poll: ready for whatever is asked

    def read(self, size):
        if not self.packets:
            return b""
        packet = self.packets.pop(0)
        if packet[size:]:
            self.packets.insert(0, packet[size:])
        return packet[:size]

    def write(self, data, start, size):
        takes = self.takes.pop(0) if self.takes else size
        if not takes:
            return None
        part = bytes(memoryview(data)[start : start + min(takes, size)])
        self.sent += part
        return len(part)


def taken_in(stream, cuts):
    stream = bytes.fromhex(stream)
    edges = [0] + sorted([min(cut, len(stream)) for cut in cuts]) + [len(stream)]
    pieces = [stream[edges[i] : edges[i + 1]] for i in range(len(edges) - 1)]
    return asyncio.run(packets_of(over(Line([piece for piece in pieces if piece], []))))


def over(line):
    connection = Connection(asyncio.Event(), None)
    connection.sock = connection.stream = line
    connection.write = line.write
    return connection


async def packets_of(connection):
    found = []
    while True:
        try:
            kind, body = await connection.receive()
        except OSError as error:
            return found, str(error)
        found.append((kind, body.hex()))


def sent(messages, takes):
    line = Line([], takes)
    connection = over(line)
    for topic, payload, retain in messages:
        connection.publish(bytes.fromhex(topic), bytes.fromhex(payload), retain)
    asyncio.run(connection.flush())
    return line.sent.hex()
"""

# The time.

COOKIE = bytes(range(8))


@st.composite
def time_replies(draw):
    """48 bytes of a server that is good, with a few bytes changed or cut off."""
    reply = bytearray(48)
    reply[0] = 0x24
    reply[1] = draw(st.sampled_from([1, 2, 15, 16, 0, 255]))
    reply[12:16] = draw(st.sampled_from([b"RATE", b"DENY", b"\x1b[2J", b"\0\0\0\0"]))
    reply[24:32] = COOKIE
    reply[40:48] = draw(st.sampled_from([bytes(8), b"\xe8" * 8, b"\0" * 7 + b"\1"]))
    for at in draw(st.lists(st.sampled_from([0, 0, 0, 1, 24, 31, 40]), max_size=1)):
        reply[at] = draw(st.integers(0, 255))
    return bytes(reply[: draw(st.sampled_from([48, 48, 48, 47, 24, 0]))])


@given(time_replies())
@many(300)
def test_only_a_sound_answer_of_a_time_server_is_believed(device, reply):
    outcome = device("believe", reply.hex(), COOKIE.hex())

    sound = len(reply) == 48 and reply[0] & 7 == 4 and reply[24:32] == COOKIE
    if sound and reply[1] == 0 and reply[12:16] in (b"DENY", b"RSTR", b"RATE"):
        assert outcome.startswith("kiss ")
        assert outcome.isprintable()
    elif sound and 1 <= reply[1] <= 15 and reply[0] >> 6 != 3 and any(reply[40:48]):
        assert outcome == "believed"
    else:
        assert outcome.startswith("refused ")
        assert outcome.isprintable()


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2100, 1, 1)),  # ntptime takes none before
    st.integers(0, 999),
)
@many(100)
def test_a_timestamp_is_right_to_the_millisecond_beyond_2036_too(device, when, ms):
    when = when.replace(microsecond=ms * 1000, tzinfo=UTC)
    since_1900 = (when - datetime(1900, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    fraction = -(-(since_1900 % 1000 << 32) // 1000)  # rounded up: cutting off gives it again
    stamp = (since_1900 // 1000 % 2**32).to_bytes(4, "big") + fraction.to_bytes(4, "big")

    assert device("unix_ms", stamp.hex()) == (when - datetime(1970, 1, 1, tzinfo=UTC)) // (
        timedelta(milliseconds=1)
    )


# Names.

IDENT = b"\x12\x34"
LABELS = st.lists(st.sampled_from([b"pool", b"ntp", b"org", b"x" * 63]), max_size=3)
ADDRESSES = st.binary(min_size=4, max_size=4)


def wire_name(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


@st.composite
def name_replies(draw):
    """(a name server's reply, the address that it tells or None)."""
    name = wire_name(draw(LABELS))
    records = b""
    told = None
    answers = draw(st.lists(st.tuples(st.sampled_from([1, 5, 28]), ADDRESSES), max_size=4))
    for kind, address in answers:
        data = {1: address, 5: wire_name(draw(LABELS)), 28: address * 4}[kind]
        owner = draw(st.sampled_from([name, b"\xc0\x0c"]))
        records += owner + bytes([0, kind, 0, 1, 0, 0, 0, 9, 0, len(data)]) + data
        if kind == 1 and told is None:
            told = str(ipaddress.IPv4Address(address))
    head = IDENT + b"\x81\x80\0\1" + bytes([0, len(answers), 0, 0, 0, 0])
    return head + name + b"\0\1\0\1" + records, told


@given(name_replies())
@many(100)
def test_a_name_servers_first_address_is_taken(device, pair):
    reply, told = pair
    assert device("name_answer", reply.hex(), IDENT.hex()) == told


@given(name_replies(), st.data())
@many(200)
def test_a_damaged_reply_of_a_name_server_gives_an_address_or_nothing(device, pair, data):
    reply = bytearray(pair[0])
    for _ in range(data.draw(st.integers(1, 4))):
        reply[data.draw(st.integers(0, len(reply) - 1))] = data.draw(st.integers(0, 255))
    reply = reply[: data.draw(st.integers(0, len(reply)))]

    found = device("name_answer", bytes(reply).hex(), IDENT.hex())

    if found is not None:
        assert ipaddress.IPv4Address(found)
        assert reply[:2] == IDENT


@given(st.lists(st.one_of(st.integers(0, 300).map(str), st.text(max_size=2)), max_size=5))
@many(200)
def test_an_address_is_one_where_four_numbers_up_to_255_stand(device, parts):
    text = ".".join(parts)
    good = len(parts) == 4 and all(part.isascii() and part.isdigit() for part in parts)

    assert device("is_address", text) == (good and all(int(part) < 256 for part in parts))


# MQTT.

PACKET_MAX = 1024


def packet(kind, body):
    """An MQTT packet (MQTT 3.1.1 section 2.2)."""
    size = len(body)
    length = bytearray()
    while True:
        size, digit = divmod(size, 128)
        length.append(digit | (128 if size else 0))
        if not size:
            return bytes([kind]) + bytes(length) + body


PACKETS = st.tuples(
    st.sampled_from([0x20, 0x30, 0x40, 0x90, 0xD0]),
    st.one_of(st.binary(max_size=5), st.sampled_from([0, 127, 128, 1023, 1024]).map(bytes)),
)
CUTS = st.lists(st.integers(0, 3000), max_size=6)


def stream_of(packets):
    return b"".join(packet(*one) for one in packets)


def told(packets):
    return [[kind, body.hex()] for kind, body in packets]


@given(st.lists(PACKETS, max_size=4), CUTS)
@many(200)
def test_mqtt_packets_are_taken_in_whole_however_they_are_cut(device, packets, cuts):
    found, end = device("taken_in", stream_of(packets).hex(), cuts)

    assert found == told(packets)
    assert end == "the broker closed the connection"


@given(st.lists(PACKETS, max_size=2), st.integers(PACKET_MAX + 1, 5000), st.lists(PACKETS), CUTS)
@many(100)
def test_an_mqtt_packet_that_is_too_large_is_passed_over(device, before, size, after, cuts):
    stream = stream_of(before) + packet(0x30, bytes(size)) + stream_of(after)

    found, end = device("taken_in", stream.hex(), cuts)

    assert found == told(before + after)
    assert end == "the broker closed the connection"


@given(st.lists(PACKETS, max_size=2), st.integers(PACKET_MAX + 1, 268_435_455), CUTS)
@many(100)
def test_an_mqtt_packet_that_never_ends_is_none(device, packets, size, cuts):
    head = packet(0x30, b"")[:1]
    while size > 127:
        head += bytes([size & 127 | 128])
        size >>= 7

    found, end = device("taken_in", (stream_of(packets) + head + bytes([size, 1])).hex(), cuts)

    assert found == told(packets)
    assert end == "the broker closed the connection"


@given(st.lists(PACKETS, max_size=2), CUTS)
@many(50)
def test_a_length_that_mqtt_does_not_know_ends_the_connection(device, packets, cuts):
    stream = stream_of(packets) + b"\x30\xff\xff\xff\xff\x01" + bytes(100)

    found, end = device("taken_in", stream.hex(), cuts)

    assert found == told(packets)
    assert end == "what answers is no MQTT broker"


@given(st.binary(max_size=40), CUTS)
@many(200)
def test_nonsense_from_a_broker_ends_in_an_oserror(device, stream, cuts):
    try:
        found, _ = device("taken_in", stream.hex(), cuts)
    except DeviceError as error:
        raise AssertionError(error) from None

    assert all(bytes.fromhex(body) in stream for _, body in found)


@given(
    st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=300), st.booleans()), max_size=5),
    st.lists(st.integers(0, 200), max_size=9),
)
@many(100)
def test_what_is_written_to_a_broker_arrives_whole_whatever_the_network_takes(
    device, messages, takes
):
    listed = [(topic.hex(), payload.hex(), retain) for topic, payload, retain in messages]

    assert (
        device("sent", listed, takes)
        == b"".join(
            packet(0x30 | retain, len(topic).to_bytes(2, "big") + topic + payload)
            for topic, payload, retain in messages
        ).hex()
    )
