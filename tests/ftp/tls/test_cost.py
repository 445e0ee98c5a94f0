"""What TLS costs a board: heap, which it may lack, and time of the loop."""

import re

HOG = """
import asyncio, gc, os, sys

async def run(status, events):
    print("TLS is loaded" if "services_ftp_tls" in sys.modules else "TLS is not loaded")
    while True:
        await asyncio.sleep_ms(50)
        try:
            os.stat("/hog")
            break
        except OSError:
            pass
    held = []
    gc.collect()
    while gc.mem_free() > 12000:
        held.append(bytearray(512))
        gc.collect()
    print("hogging")
    await asyncio.sleep(4)
    held = None
    gc.collect()
    print("freed")
    await asyncio.sleep(3600)
"""


class TestHeap:
    def test_nothing_of_tls_is_loaded_unless_it_is_configured(self, power_up, start_tls):
        for start, says in ((power_up, "TLS is not loaded"), (start_tls, "TLS is loaded")):
            board = start(sections={"app": "app"}, files={"/app.py": HOG})
            board.wait_console(says)

    def test_a_small_heap_refuses_and_the_board_goes_on(self, start_tls, connect, secure):
        board = start_tls(sections={"app": "app"}, files={"/app.py": HOG})
        poor = connect(None, to=board)
        for command, code in (("NOOP", 200), ("CCC", 533)):  # their modules are there
            assert poor.ask(command).code == code
        connect(to=board).put("/hog", b"")
        board.wait_console("hogging")
        reply = poor.ask("AUTH TLS")
        assert reply.code == 431
        assert "memory" in reply.text
        assert poor.ask("NOOP").code == 200
        board.wait_console("freed")
        assert secure(to=board).ask("NOOP").code == 200


SPARE = """
import gc, socket
from services.ftp import tls

class Full:
    collect = gc.collect

    def mem_free():
        return free

tls.gc = Full
owner = tls.Tls(%r, %r, False, True, {})
sock = socket.socket()
for free in (8191, 8192):
    try:
        owner.wrap(sock)
        print("wrapped")
    except MemoryError:
        print("refused", sock.fileno() >= 0)
"""


def test_a_heap_that_is_nearly_full_refuses(micropython, tmp_path, pair):
    """Where mbedtls would find room for its buffers, but none for its arithmetic."""
    (tmp_path / "cert").write_bytes(pair.cert)
    (tmp_path / "key").write_bytes(pair.key)
    names = str(tmp_path / "cert"), str(tmp_path / "key")
    assert micropython(SPARE % names) == "refused True\nwrapped\n"


PACE = """
import asyncio
from time import ticks_add, ticks_diff, ticks_ms
from services.ftp.tls import Tls

tls = Tls("/c", "/k", False, True, {})

def waited():
    began = ticks_ms()
    asyncio.run(tls.turn())
    return ticks_diff(ticks_ms(), began)

print(waited() < 50)
tls.rest(ticks_add(ticks_ms(), -300))
print(waited() > 200)
print(waited() < 50)
tls._rested = ticks_add(ticks_ms(), 1 << 28)  # ticks that wrapped
print(waited() < 50)
"""


def test_handshakes_rest_as_long_as_they_worked(micropython):
    assert micropython(PACE) == "True\n" * 4


def test_the_longest_step(board, secure):
    """What docs/ftp.md says of a handshake's longest call, on a host."""
    control = secure()
    for _ in range(5):
        control.names("/tls")
    stall = re.search(r"longest stall (\d+) ms", control.ask("STAT").text)
    assert stall
    assert int(stall[1]) < 1000
