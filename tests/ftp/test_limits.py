"""Limits: sessions in all and of an address, who makes room for whom, and the socket budget."""

import contextlib
import ftplib
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ONE, TWO, THREE = "127.0.1.1", "127.0.1.2", "127.0.1.3"
# Nothing but FTP opens a socket then.
NO_TIME = {"time": None}
BIG = 8 * 1024 * 1024


def socket_count(board):
    """How many sockets the board's interpreter has open."""
    count = 0
    for entry in Path(f"/proc/{board.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(entry.readlink()).startswith("socket:")
    return count


class TestSessions:
    """421 for one too many, unless somebody can be missed."""

    def test_an_address_does_not_take_them_all(self, power_up, connect):
        board = power_up({"max_sessions": 4})
        own = [connect(source=ONE, to=board) for _ in range(3)]

        refused = connect(None, source=ONE, to=board)

        assert refused.greeting.code == 421
        assert "address" in refused.greeting.text
        assert refused.closed()
        assert connect("reader", source=TWO, to=board).ask("NOOP").code == 200
        for session in own:
            assert session.ask("NOOP").code == 200, "its other sessions go on"

    def test_what_an_address_may_have_can_be_set(self, power_up, connect):
        board = power_up({"max_sessions": 4, "max_per_address": 1})
        connect(source=ONE, to=board)

        assert connect(None, source=ONE, to=board).greeting.code == 421
        assert connect(None, source=TWO, to=board).greeting.code == 220

    def test_who_idles_makes_room_for_who_comes(self, power_up, connect, wait_for):
        board = power_up({"max_sessions": 3, "max_per_address": 3, "reclaim_s": 5})
        (board.card / "big").write_bytes(bytes(BIG))
        busy = connect(to=board)
        data = busy.begin("RETR /sd/big", small=True)
        longest = connect(source=ONE, to=board)
        other = connect(source=ONE, to=board)
        assert connect(None, source=TWO, to=board).greeting.code == 421, "nobody idles yet"
        assert longest.ask("NOOP").code == 200
        assert other.ask("NOOP").code == 200
        began = time.monotonic()

        def admitted():
            session = connect(None, source=TWO, to=board)
            return session if session.greeting.code == 220 else None

        newcomer = wait_for(admitted, "a session for who comes").login()

        assert 4 < time.monotonic() - began < 8
        assert longest.reply().code == 421, "who has idled for longest goes"
        assert longest.closed()
        assert other.ask("NOOP").code == 200
        assert newcomer.ask("NOOP").code == 200
        assert len(busy.rest(data)) == BIG, "a transfer is no idling"
        assert busy.reply().code == 226

    def test_an_address_that_has_enough_makes_room_for_itself(self, power_up, connect, wait_for):
        board = power_up({"max_sessions": 4, "max_per_address": 1, "reclaim_s": 5})
        innocent = connect(source=TWO, to=board)
        old = connect(source=ONE, to=board)

        def admitted():
            return connect(None, source=ONE, to=board).greeting.code == 220

        wait_for(admitted, "a second session of that address")

        assert old.reply().code == 421
        assert innocent.ask("NOOP").code == 200, "who idles elsewhere is not in the way"

    def test_commands_before_login_hold_no_place(self, power_up, connect):
        """A stranger's NOOPs kept a session for ever."""
        board = power_up({"max_sessions": 1, "login_s": 5})
        stranger = connect(None, to=board)
        began = time.monotonic()

        with contextlib.suppress(OSError, AssertionError):  # the 421 comes between two replies
            while stranger.ask("NOOP").code == 200:
                time.sleep(0.1)

        assert 4 < time.monotonic() - began < 8
        assert stranger.closed()
        assert connect(to=board).ask("NOOP").code == 200

    def test_a_flood_of_the_refused_is_not_a_flood_of_events(self, power_up, connect):
        board = power_up({"max_sessions": 1})
        one = connect(to=board)
        began = time.monotonic()
        for _ in range(30):
            assert connect(None, source=TWO, to=board).greeting.code == 421
        seconds = time.monotonic() - began

        assert one.ask("NOOP").code == 200
        assert 1 <= board.console.count("ftp/refused") <= seconds + 2


class TestSocketBudget:
    """max_sockets: what can't be had now is waited for."""

    def test_six_clients_do_ten_transfers_each_with_five_sockets(self, power_up):
        board = power_up({"max_sockets": 5, "max_sessions": None}, NO_TIME)
        content = bytes(range(256)) * 64
        most = 0
        done = threading.Event()

        def watch():
            nonlocal most
            while not done.is_set():
                most = max(most, socket_count(board))

        def client(number):
            ftp = ftplib.FTP()
            ftp.connect("127.0.0.1", board.port, 90, (f"127.0.2.{number}", 0))
            ftp.login("admin", "secret")
            ftp.set_pasv(number != 3)  # one of them in active mode
            for turn in range(5):
                name = f"/of-{number}-{turn}"
                ftp.storbinary(f"STOR {name}", io.BytesIO(content))
                pieces = []
                ftp.retrbinary(f"RETR {name}", pieces.append)
                assert b"".join(pieces) == content
            ftp.quit()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(client, range(6)))
        finally:
            done.set()
            watcher.join()
        assert 4 <= most <= 5
        assert board.state == "running"

    @pytest.fixture(scope="class")
    @classmethod
    def small(cls, power_up):
        board = power_up({"max_sockets": 5, "max_sessions": None, "reclaim_s": 5}, NO_TIME)
        (board.card / "big").write_bytes(bytes(BIG))
        return board

    def test_who_finds_no_place_waits_until_one_leaves(self, small, connect):
        sessions = [connect(to=small) for _ in range(2)]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(connect, None, TWO, small)
            assert sessions[0].fetch("NLST /sd") == b"big\r\n"
            assert not waiting.done()
            assert sessions[0].ask("QUIT").code == 221

            assert waiting.result(20).greeting.code == 220
        assert sessions[1].ask("NOOP").code == 200
        sessions[1].ask("QUIT")

    def test_who_waits_takes_the_place_of_who_idles(self, small, connect):
        idle, busy = connect(to=small), connect(to=small)
        data = busy.begin("RETR /sd/big", small=True)

        newcomer = connect(None, TWO, small)

        assert newcomer.greeting.code == 220
        assert idle.reply().code == 421
        assert len(busy.rest(data)) == BIG
        assert busy.reply().code == 226
        busy.ask("QUIT")

    def test_a_data_connection_waits_for_another_transfers_end(self, small, connect):
        slow, quick = connect(to=small), connect(to=small)
        data = slow.begin("RETR /sd/big", small=True)
        quick.send("EPSV")
        assert slow.ask("NOOP").code == 200
        assert socket_count(small) == 4, "a listener, two sessions, one transfer"

        assert len(slow.rest(data)) == BIG
        assert slow.reply().code == 226
        assert quick.reply().code == 229
        assert quick.names("/sd") == ["big"]
        for session in (slow, quick):
            session.ask("QUIT")

    def test_who_waits_too_long_hears_425_and_goes_on(self, small, connect):
        slow, quick = connect(to=small), connect(to=small)
        data = slow.begin("RETR /sd/big", small=True)
        began = time.monotonic()

        reply = quick.ask("PASV")

        assert (reply.code, "sockets" in reply.text) == (425, True)
        assert 14 < time.monotonic() - began < 19
        assert quick.ask("PWD").code == 257
        assert len(slow.rest(data)) == BIG
        assert slow.reply().code == 226
        assert quick.names("/sd") == ["big"]
        for session in (slow, quick):
            session.ask("QUIT")

    def test_a_port_that_nobody_uses_goes_to_who_waits(self, small, connect):
        forgetful, other = connect(to=small), connect(to=small)
        forgetful.passive_port()
        began = time.monotonic()

        assert other.names("/sd") == ["big"]

        assert 4 < time.monotonic() - began < 8
        assert forgetful.ask("LIST /").code == 425
        assert forgetful.names("/sd") == ["big"], "a new port is to be had"
        for session in (forgetful, other):
            session.ask("QUIT")

    def test_who_leaves_while_waiting_is_no_trouble(self, small, connect):
        slow, gone = connect(to=small), connect(to=small)
        data = slow.begin("RETR /sd/big", small=True)
        gone.send("EPSV")
        assert slow.ask("NOOP").code == 200
        gone.reset()

        assert len(slow.rest(data)) == BIG
        assert slow.reply().code == 226
        assert slow.names("/sd") == ["big"]
        slow.ask("QUIT")

    def test_without_a_budget_nothing_waits(self, power_up, connect):
        board = power_up({"max_sockets": 0, "max_sessions": 6})
        sessions = [connect(to=board) for _ in range(5)]

        assert len({session.passive_port() for session in sessions}) == 5


@pytest.mark.parametrize(
    ("port", "sockets", "sessions"), [("rp2", 5, 2), ("esp32", 10, 7)], ids=["RP2", "ESP32"]
)
def test_boards_have_the_budget_of_their_port(micropython, port, sockets, sessions):
    """hal/board.py by itself, with stand-ins for what only a board has."""
    script = f"""
import sys
class Machine:
    mem32 = {{0x40058000 + 0x1C: 0}}
    def __getattr__(self, name):
        return None
sys.modules["machine"] = Machine()
class Sys:
    platform = {port!r}
    implementation = sys.implementation
real = sys.modules.pop("sys", sys)
sys.modules["sys"] = Sys()
from hal.board import SOCKETS
from services.ftp.sockets import Sockets
print(SOCKETS, Sockets(None, SOCKETS).sessions())
"""
    assert micropython(script).split() == [str(sockets), str(sessions)]
