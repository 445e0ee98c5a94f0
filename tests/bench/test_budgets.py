"""Heap budgets: bytes on 32 bits, as boards have them, from .mpy; they repeat."""

import re

import pytest
from outpost.sim import i386

from bench import telemetry
from bench.client import take_all

KB = 1000
MIB = 1 << 20
pytestmark = pytest.mark.skipif(
    not i386.found(), reason="NOT TESTED: heap, for want of the 32-bit interpreter"
)


@pytest.mark.parametrize(
    ("services", "budget"),
    [(("ftp",), 61 * KB), (("log", "ftp"), 69 * KB), ((), 82.5 * KB)],
    ids=["FTP alone", "FTP and log", "main.py with all services"],
)
def test_at_rest(serve, measured, services, budget):
    assert measured.at_rest(serve(*services)) <= budget


def test_names_at_rest(serve, measured):
    """Interned names, the bench's own among them: the table's 621st wants 4.5 KB in one piece."""
    assert measured.names_at_rest(serve()) <= 560


def test_names_in_all(serve, measured):
    """When each module has been there once: the 1,261st name wants 9 KB in one piece."""
    server = serve(heap=512)
    at_rest = measured.names_at_rest(server)
    assert at_rest + 100 < measured.names_in_all(server) <= 990
    # Their names are there by then; this port has no such machine, no radio.
    missing = re.findall(r"not imported: (\S+)", server.printed())
    assert missing == ["hal.access_point", "hal.board"]


def test_telemetry_at_rest(material):
    """Connected to a real broker, against a board without one."""
    try:
        with telemetry.broker() as (url, _):
            off = telemetry.at_rest(material.folder, None)
            connected = telemetry.at_rest(material.folder, url)
    except telemetry.NoBroker as error:
        pytest.skip(f"NOT TESTED: {error}")
    assert 5 * KB < connected - off <= 18 * KB, (connected, off)


def test_a_session(serve, measured):
    # FTP alone: with a log each login leaves a line in its ring.
    assert measured.a_session(serve("ftp")) <= 1 * KB


def test_what_transfers_and_commands_allocate(serve, measured, material):
    server = serve("ftp")
    with server.client() as connection:

        def retrieve():
            assert connection.retrieve(f"{server.card}big16", material.room)[1] == 16 * MIB

        def store():
            connection.store(f"{server.card}up", material.piece(16))
            material.check((material.folder / "up").read_bytes(), 16, "STOR")

        def commands():
            for _ in range(100):
                connection.ftp.voidcmd("NOOP")

        # A buffer of 4 KiB, the sockets, two events: a MiB of the file adds next to nothing.
        assert measured.allocated(connection, retrieve) <= 16 * 1.5 * KB
        assert measured.allocated(connection, store) <= 16 * 1.5 * KB
        assert measured.allocated(connection, commands) <= 100 * 1 * KB


def test_a_listing_is_streamed(serve, measured):
    server = serve("ftp")
    with server.client() as connection:
        lines = []
        # Beside a buffer and what lists, which come with it, nothing is held: the lines alone
        # are 35 KB.
        rise = measured.peak(
            connection,
            lambda: connection.ftp.retrlines(f"LIST {server.card}list500", lines.append),
        )
        assert len(lines) == 500
        assert 0 < rise <= 10 * KB


@pytest.mark.parametrize(
    ("services", "budget"),
    # The lines of the log's ring and the events of MQTT's backlog differ a little in length.
    [(("ftp",), 0.2 * KB), ((), 1 * KB)],
    ids=["FTP alone", "main.py with all services"],
)
def test_commands_and_transfers_leave_nothing_behind(serve, measured, services, budget):
    server = serve(*services, heap=160)
    measured.at_rest(server)  # what only the boot needed has gone
    with server.client() as connection:
        path = f"{server.card}small"
        assert measured.grows(connection, 10_000, 1000, path) <= budget


def test_all_services_and_a_transfer_in_136_kib(measured, material, serve):
    server = serve(heap=136)
    with server.client() as connection:
        _, count = connection.retrieve(f"{server.card}big16", material.room)
        material.check(memoryview(material.room)[:count], 16, "RETR")
        connection.store(f"{server.card}up", material.piece(16))
        material.check((material.folder / "up").read_bytes(), 16, "STOR")


def test_five_sessions_and_two_transfers_in_152_kib(serve, material):
    server = serve(heap=152)
    clients = [server.client() for _ in range(5)]
    busy, idle = clients[:2], clients[2:]
    socks = [client.ftp.ntransfercmd(f"RETR {server.card}big16")[0] for client in busy]
    for client in idle:
        assert client.ftp.sendcmd("STAT").startswith("211-")
    rooms = [bytearray(16 * MIB + 1) for _ in busy]
    take_all(socks, rooms)
    for client, room in zip(busy, rooms, strict=True):
        assert client.ftp.voidresp().startswith("226")
        material.check(memoryview(room)[:-1], 16, "RETR")
    for client in clients:
        client.close()
