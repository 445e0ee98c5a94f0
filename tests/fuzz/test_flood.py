"""20,000 command lines of anything at all, from four clients at once, beside an innocent one."""

import contextlib
import random
import re
import threading
import time
from pathlib import Path

import pytest
from fixtures_sim import PASSWORD, desk
from fuzz.client import Client
from fuzz.interpreter import many
from fuzz.model import is_legal
from hypothesis import given
from hypothesis import strategies as st

LINES = 20_000
CLIENTS = 4
WINDOW = 40  # lines that are sent before their replies are read
MOST_MS = 250  # what an innocent NOOP may take
KEPT_KIB = 20  # of heap: modules that a rare line loads stay as long as somebody is there
USERS = {
    "admin": {"password": PASSWORD, "role": "admin", "root": "/"},
    "fuzz": {"password": "fuzz", "role": "write", "root": "/jail"},
}
DEVICE = """
from services.ftp.commands import verbs

def known():
    return sorted(verbs())
"""
# These end or secure the session, cost a second, or make the next transfer wait: other tests
# send them.
NOT_SENT = ("QUIT", "PASS", "USER", "REIN", "AUTH", "PASV", "EPSV")
PIECES = [
    *(b"a", b"dir", b"..", b"/", b" ", b"*", b"?", b"-", b"-la", b"0", b"\0", b"\t", b"%s", b"{}"),
    *(b"\xc3\xa9", b"\xe2\x98\x83", b"\xff", b"\xff\xf4", b"\xf2", b"\x80", b"\x1b[2J", b'"'),
    *(b"|1|", b",", b"127,0,0,1", b"20200101000000", b"HASH", b"ON", b"9" * 40, b"x" * 100),
]


def line(chance, verbs):
    """A command line without its end: a verb or none, and an argument of anything."""
    kind = chance.random()
    if kind < 0.1:
        raw = chance.randbytes(chance.randrange(60))
    elif kind < 0.2:
        raw = b"".join(chance.choices(PIECES, k=chance.randrange(6)))
    else:
        verb = chance.choice(verbs)
        if chance.random() < 0.2:
            verb = "".join(chance.choice((letter.lower(), letter)) for letter in verb)
        raw = verb.encode() + b" " * chance.choice((0, 1, 1, 1, 2))
        raw += b"".join(chance.choices(PIECES, k=chance.randrange(4)))
    raw = raw.replace(b"\n", b"")
    if any(re.match(rb"[^ -~]*" + verb.encode(), raw, re.IGNORECASE) for verb in NOT_SENT):
        return b"NOOP"
    return raw


def flood(port, chance, verbs, count, faults):
    """Send so many lines; each must get one final reply, which its verb may have."""
    try:
        client = Client(port).login("fuzz", "fuzz")
        with contextlib.closing(client):
            while count > 0:
                window = [line(chance, verbs) for _ in range(min(WINDOW, count))]
                count -= len(window)
                client.send(b"".join(raw + b"\r\n" for raw in window))
                for raw in window:
                    reply = client.reply()
                    if reply.code == 150:
                        reply = client.reply()
                    verb = raw.partition(b" ")[0].decode(errors="replace").upper()
                    if verb in verbs:
                        assert is_legal(verb, reply.code), f"{raw!r}: {reply}"
                    else:
                        assert reply.code in (500, 501, 502) or b"\xf2" in raw or b"\xff" in raw, (
                            f"{raw!r}: {reply}"
                        )
            marker = client.ask("NOOP")
            assert marker.code == 200, f"one reply too many: {marker}"
            assert client.ask("QUIT").code == 221
            assert client.at_end()
    except BaseException as error:
        faults.append(error)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with desk(tmp_path_factory.mktemp("flood")) as start:
        board = start(config={"ftp": {"max_sessions": 20, "users": USERS}})
        admin = Client(board.ftp_port).login("admin", PASSWORD)
        assert admin.ask("MKD /jail").code == 257
        admin.close()
        yield board


def descriptors(board):
    return len(list(Path(f"/proc/{board.pid}/fd").iterdir()))


def heap(control):
    """KiB of heap that are in use."""
    lines = control.ask("SITE free").lines
    return int(re.search(r"Mem: +\S+ +(\d+)", "\n".join(lines))[1])


@given(st.integers(0, 2**32))
@many(1)
def test_20000_random_lines_get_20000_replies_and_leave_nothing(board, device, seed):
    verbs = device("known")
    innocent = Client(board.ftp_port).login("admin", PASSWORD)
    flood(board.ftp_port, random.Random(seed), verbs, 2000, faults := [])  # loads what is rare
    assert not faults, faults[0]
    before = descriptors(board), heap(innocent)
    slowest = 0
    clients = [
        threading.Thread(
            target=flood,
            args=(board.ftp_port, random.Random(seed + n), verbs, LINES // CLIENTS, faults),
        )
        for n in range(CLIENTS)
    ]
    for thread in clients:
        thread.start()
    while any(thread.is_alive() for thread in clients):
        asked = time.monotonic()
        assert innocent.ask("NOOP").code == 200
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.02)

    assert not faults, faults[0]
    assert slowest * 1000 < MOST_MS, f"an innocent NOOP took {slowest * 1000:.0f} ms"
    deadline = time.monotonic() + 5
    while descriptors(board) != before[0]:
        assert time.monotonic() < deadline, "descriptors are left open"
        time.sleep(0.01)
    assert heap(innocent) <= before[1] + KEPT_KIB
    innocent.close()
