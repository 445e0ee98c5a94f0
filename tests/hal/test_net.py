"""Names resolved without blocking, by a name server that tells the truth, lies, or is mute."""

import socket
import threading

import pytest

RESOLVE = """
import asyncio
from time import ticks_diff, ticks_ms
from hal.net import resolve
longest = 0

async def meter():
    global longest
    while True:
        before = ticks_ms()
        await asyncio.sleep_ms(10)
        longest = max(longest, ticks_diff(ticks_ms(), before) - 10)

async def main():
    asyncio.create_task(meter())
    try:
        print(await resolve(%r, 600, %r))
    except OSError as error:
        print("OSError", error)
    print("stall", longest)

asyncio.run(main())
"""


@pytest.fixture
def name_server():
    """A UDP server that answers what reply(query) returns, None: nothing -> its address."""
    servers = []

    def start(reply):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        servers.append(server)

        def serve():
            try:
                while True:
                    query, client = server.recvfrom(512)
                    answer = reply(query)
                    if answer is not None:
                        server.sendto(answer, client)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()

    yield start
    for server in servers:
        server.close()


def reply_with(*records, ident=None, code=0):
    """A reply function: the question again, then these records (type, data)."""

    def reply(query):
        head = (ident or query[:2]) + bytes([0x81, 0x80 | code, 0, 1, 0, len(records), 0, 0, 0, 0])
        answers = b"".join(
            b"\xc0\x0c" + bytes([0, kind, 0, 1, 0, 0, 0, 60, 0, len(data)]) + data
            for kind, data in records
        )
        return head + query[12:] + answers

    return reply


A, CNAME = 1, 5
ADDRESS = (A, bytes([192, 0, 2, 7]))


def resolved(micropython, host, server):
    answer, stall = micropython(RESOLVE % (host, server)).splitlines()
    assert int(stall.split()[1]) < 250
    return answer


@pytest.mark.parametrize(
    "records", [[ADDRESS], [(CNAME, b"\x03ntp\x03lan\x00"), ADDRESS, (A, bytes(4))]]
)
def test_the_first_address_is_the_answer(micropython, name_server, records):
    server = name_server(reply_with(*records))

    assert resolved(micropython, "ntp.example", server) == "192.0.2.7"


def test_the_question_is_a_proper_one(micropython, name_server):
    queries = []
    reply = reply_with(ADDRESS)
    server = name_server(lambda query: queries.append(query) or reply(query))
    resolved(micropython, "ntp.example", server)

    assert queries[0][2:] == (
        b"\x01\0\0\x01\0\0\0\0\0\0" + b"\x03ntp\x07example\0" + b"\0\x01\0\x01"
    )


def test_a_lost_packet_is_sent_again(micropython, name_server):
    queries = []

    def reply(query):
        queries.append(query)
        return reply_with(ADDRESS)(query) if len(queries) > 1 else None

    assert resolved(micropython, "ntp.example", name_server(reply)) == "192.0.2.7"


@pytest.mark.parametrize(
    "reply",
    [
        lambda query: None,
        reply_with(),
        reply_with(code=3),
        reply_with(ADDRESS, ident=b"??"),
        reply_with((CNAME, b"\x01x\x00")),
        lambda query: reply_with(ADDRESS)(query)[:-3],
        lambda query: query[:2] + b"\x81\x80",
        lambda query: b"",
        lambda query: query[:2] + b"\xff" * 300,
    ],
)
def test_no_good_answer_is_an_error_and_no_stall(micropython, name_server, reply):
    answer = resolved(micropython, "ntp.example", name_server(reply))

    assert answer == "OSError no name server tells the address of ntp.example"


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_what_cannot_be_a_name_is_not_asked_for(micropython, name_server, host):
    server = name_server(reply_with(ADDRESS))

    assert resolved(micropython, host, server) == f"OSError {host} is not a host name"


def test_a_reply_from_elsewhere_is_not_believed(micropython, name_server):
    """Whoever guesses or sees the two random bytes could send the board anywhere."""
    forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    forged = (A, bytes([198, 51, 100, 1]))
    clients = []

    def reply(query):
        # The client's port is what the forger has to know.
        forger.sendto(reply_with(forged)(query), clients.pop())
        return reply_with(ADDRESS)(query)

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        query, client = server.recvfrom(512)
        clients.append(client)
        server.sendto(reply(query), client)

    threading.Thread(target=serve, daemon=True).start()
    with server, forger:
        assert resolved(micropython, "ntp.example", server.getsockname()) == "192.0.2.7"


@pytest.mark.parametrize(
    "first",
    [
        reply_with((A, bytes([198, 51, 100, 1])), ident=b"??"),
        lambda query: reply_with((A, bytes([198, 51, 100, 1])))(
            query[:12] + b"\x05other\x07example\0" + b"\0\x01\0\x01"
        ),
        lambda query: query[:2] + b"\x81\x80",
        lambda query: b"",
    ],
    ids=["another number", "another question", "cut short", "empty"],
)
def test_what_is_no_reply_is_passed_over(micropython, name_server, first):
    """The true answer may be on its way behind a forger's guess."""

    def reply(query):
        server.sendto(first(query), clients[0])
        return reply_with(ADDRESS)(query)

    clients = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        query, client = server.recvfrom(512)
        clients.append(client)
        server.sendto(reply(query), client)

    threading.Thread(target=serve, daemon=True).start()
    with server:
        assert resolved(micropython, "ntp.example", server.getsockname()) == "192.0.2.7"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_addresses_and_the_hosts_own_names_need_no_name_server(micropython, host):
    assert resolved(micropython, host, None) == "127.0.0.1"
