"""hal.net.accept in a full heap: a client is taken with what was kept, or goes on waiting."""

import json

import pytest
from starving import STARVE

SCRIPT = (
    STARVE
    + """
import json, socket, sys
from hal import net

listener = net.listen("127.0.0.1", int(sys.argv[1]))
address = socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1]
taken = []


def take():
    taken.append(net.accept(listener)[0])


def client():
    made = socket.socket()
    made.connect(address)
    made.setblocking(False)
    return made


def told(sock):
    try:
        return sock.read(3)
    except OSError:
        return None


said = []
for kept in (True, False):
    taken.clear()
    one = client()
    if kept:
        net.keep_room()
    else:
        net._room.clear()
    full = outcome(take, 0)
    there = len(taken)
    if not taken:
        take()
    taken[0].write(b"421")
    said.append([full, there, (told(one) or b"").decode()])
print(json.dumps(said))
"""
)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_full_heap_takes_a_client_with_what_was_kept(micropython, free_port, bits):
    with_room, without = json.loads(micropython(SCRIPT, free_port(), heap="400K", bits=bits))
    assert with_room == [None, 1, "421"]
    assert without == ["no memory", 0, "421"], "it goes on waiting, and is taken later"
