"""PORT and EPRT: whatever the argument, a data connection goes to the client alone."""

import ipaddress
import re

import pytest
from fuzz.interpreter import many
from hypothesis import given
from hypothesis import strategies as st

HOME = "192.168.1.7"

DEVICE = """
from services.ftp.commands import active

class Data:
    port = None
    def aim(self, port):
        self.port = port

class Sockets:
    async def queue_for_socket(self, session):
        pass

class Server:
    sockets = Sockets()

class Session:
    epsv_only = False
    server = Server()

def order(verb, argument, address="192.168.1.7"):
    session = Session()
    session.address = address
    session.data = Data()
    handler = getattr(active, verb)(session, argument)
    try:
        handler.send(None)
    except StopIteration as end:
        code, text = end.value
        return code, text, session.data.port
    return 0, "it waits", None
"""

PORTS = st.one_of(st.integers(-3, 70_000), st.sampled_from([1023, 1024, 65535, 65536, 10**30]))
HOSTS = st.sampled_from(
    [HOME, HOME, HOME, "192.168.1.8", "127.0.0.1", "::1", "::ffff:192.168.1.7", "", "192.168.1"]
)
NOISE = st.text(st.sampled_from("|0123456789.,: -+_x\u0661"), max_size=4)
EXTENDED = st.builds(
    lambda mark, parts, noise, at: noise.join(
        (mark.join(["", *parts, ""])[:at], mark.join(["", *parts, ""])[at:])
    ),
    st.sampled_from(["|", "|", "|", "!", "1", " ", ".", "\x7f"]),
    st.tuples(st.sampled_from(["1", "1", "1", "2", "3", "", "01", "x"]), HOSTS, PORTS.map(str)),
    st.one_of(st.just(""), st.just(""), NOISE),
    st.integers(0, 40),
)
BYTES = st.one_of(st.integers(-2, 258).map(str), NOISE)
NUMBERS = st.one_of(
    st.tuples(st.just(HOME.replace(".", ",")), st.integers(0, 255), st.integers(0, 255)).map(
        lambda parts: ",".join(map(str, parts))
    ),
    st.lists(BYTES, min_size=4, max_size=8).map(",".join),
)


def asked_by_eprt(argument):
    """The port of a right EPRT, RFC 2428 section 2, to the client's address; else None."""
    found = re.fullmatch(r"(?a:([!-~])1\1(.+)\1(\d{1,5})\1)", argument)
    if found and found[1] in "0123456789.:":
        return None  # allowed, and ambiguous
    return int(found[3]) if found and found[2] == HOME else None


def asked_by_port(argument):
    """The port of a right PORT, RFC 959 section 5.3.2, to the client's address; else None."""
    numbers = argument.split(",")
    if len(numbers) != 6 or not all(re.fullmatch("[0-9]{1,3}", number) for number in numbers):
        return None
    *host, high, low = map(int, numbers)
    if host != [int(part) for part in HOME.split(".")] or high > 255 or low > 255:
        return None
    return high << 8 | low


@pytest.mark.parametrize(
    ("verb", "reader", "strategy"),
    [("EPRT", asked_by_eprt, EXTENDED), ("PORT", asked_by_port, NUMBERS)],
)
def test_a_connection_goes_to_the_client_alone(device, verb, reader, strategy):
    @given(strategy.filter(bool))
    @many(500)
    def check(argument):
        code, text, port = device("order", verb, argument)
        asked = reader(argument)
        if asked is not None and 1024 <= asked <= 65535:
            assert (code, port) == (200, asked), text
        elif code == 200:  # spaces, say, are let pass; what is aimed at must stand there
            assert 1024 <= port <= 65535
            assert {str(port), str(port >> 8)} & set(re.findall(r"(?a:\d+)", argument))
        else:
            assert code in (501, 522), text
            assert port is None

    check()


def groups_of(text):
    """The address that a text spells, None where it is none (or names a link)."""
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        return None


@st.composite
def spellings(draw, address):
    """One of the ways to write an IPv6 address (RFC 4291 section 2.2)."""
    text = draw(st.sampled_from([address.compressed, address.exploded, mixed(address)]))
    return draw(st.sampled_from([text, text.upper()]))


def mixed(address):
    """The address with its end as IPv4 has it."""
    head, last = address.exploded[:-9], address.packed[-4:]
    return f"{head}{'.'.join(map(str, last))}"


V6 = st.one_of(
    st.sampled_from(["fd00::1", "fd00::2", "::1", "1::", "fd00:0:0:1::1"]).map(
        ipaddress.IPv6Address
    ),
    st.binary(min_size=16, max_size=16).map(ipaddress.IPv6Address),
)


@given(V6, V6, st.booleans(), st.integers(1024, 65535), st.data())
@many(200)
def test_over_ipv6_it_goes_to_the_client_however_that_is_written(
    device, home, other, same, port, data
):
    there = home if same else other
    text = data.draw(spellings(there))
    if data.draw(st.integers(0, 4)) == 0:  # damaged
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(list(":.0g1|%"))) + text[at:]

    code, said, aimed = device("order", "EPRT", f"|2|{text}|{port}|", home.compressed)

    loosely = groups_of(re.sub(r"\b0+(?=[0-9A-Fa-f])", "", text.partition("%")[0]))
    if groups_of(text) == home:
        assert (code, aimed) == (200, port), said
    elif loosely == home and code == 200:  # zeros too many and the name of a link do no harm
        assert aimed == port
    else:
        assert code in (501, 522), said
        assert aimed is None
