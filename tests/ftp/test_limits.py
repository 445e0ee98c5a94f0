"""Limits: sessions in all and of an address, who makes room for whom, and the socket budget."""

import contextlib
import ftplib
import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from outpost import certificate
from outpost.sim.boards import BOARDS

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
    """max_sockets, of control and data connections: what can't be had waits or is refused."""

    def test_two_sessions_work_and_each_further_client_hears_421(self, power_up):
        """As on an RP2: two control and two data connections, and nobody is ever reset."""
        board = power_up({"max_sockets": 4, "max_sessions": None}, NO_TIME)
        content = bytes(range(256)) * 64
        most = refused = 0
        done = threading.Event()

        def watch():
            nonlocal most
            while not done.is_set():
                most = max(most, socket_count(board) - board.sockets()[1])

        def session_of(number):
            nonlocal refused
            while True:
                ftp = ftplib.FTP()
                try:
                    ftp.connect("127.0.0.1", board.port, 90, (f"127.0.2.{number}", 0))
                except ftplib.error_temp as error:
                    if "421 All 2 sessions are taken" not in str(error):
                        raise
                    refused += 1
                    ftp.close()
                    time.sleep(0.05)
                else:
                    ftp.login("admin", "secret")
                    return ftp

        def client(number):
            for turn in range(5):
                ftp = session_of(number)
                ftp.set_pasv(number != 3)  # one of them in active mode
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
        assert most <= 5, "two sessions, two transfers, and one that is being refused"
        assert refused
        assert board.state == "running"

    def test_two_transfers_at_a_time_fit(self, power_up, connect):
        board = power_up({"max_sockets": 4, "max_sessions": None}, NO_TIME)
        (board.card / "big").write_bytes(bytes(BIG))
        one, two = connect(to=board), connect(to=board)
        first, second = (s.begin("RETR /sd/big", small=True) for s in (one, two))

        assert connect(None, TWO, board).greeting.code == 421
        for session, data in ((two, second), (one, first)):
            assert len(session.rest(data)) == BIG
            assert session.reply().code == 226

    @pytest.fixture(scope="class")
    @classmethod
    def small(cls, power_up):
        limits = {"max_sockets": 3, "max_sessions": 2, "max_per_address": 2}
        board = power_up(limits, NO_TIME)
        (board.card / "big").write_bytes(bytes(BIG))
        return board

    def test_a_data_connection_waits_for_another_transfers_end(self, small, connect):
        slow, quick = connect(to=small), connect(to=small)
        data = slow.begin("RETR /sd/big", small=True)
        quick.send("EPSV")
        assert slow.ask("NOOP").code == 200
        assert socket_count(small) - small.sockets()[1] == 3, "two sessions, one transfer"

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


class TestLostClients:
    """A client that vanishes without a word gives its place back in seconds."""

    def test_a_client_that_comes_back_takes_its_own_idle_session(
        self, power_up, connect, wait_for
    ):
        board = power_up({"max_sockets": 4, "max_sessions": None, "reclaim_s": 3600})
        lost, other = connect(source=ONE, to=board), connect(source=TWO, to=board)
        assert connect(None, source=THREE, to=board).greeting.code == 421
        began = time.monotonic()

        def admitted():
            return connect(None, source=ONE, to=board).greeting.code == 220

        wait_for(admitted, "a session for the client that came back")

        assert 8 < time.monotonic() - began < 14
        assert lost.reply().code == 421
        assert other.ask("NOOP").code == 200

    def test_a_download_that_stands_still_holds_no_place_for_long(
        self, power_up, connect, wait_for
    ):
        board = power_up({"max_sockets": 4, "max_sessions": None, "reclaim_s": 3600})
        (board.card / "big").write_bytes(bytes(BIG))
        lost, other = connect(source=ONE, to=board), connect(source=TWO, to=board)
        lost.begin("RETR /sd/big", small=True)
        began = time.monotonic()

        def admitted():
            return connect(None, source=THREE, to=board).greeting.code == 220

        wait_for(admitted, "the place of the client that reads no more", 30)

        assert 13 < time.monotonic() - began < 20
        assert other.ask("NOOP").code == 200


@pytest.mark.parametrize(
    ("port", "chip", "sockets", "listeners", "sessions"),
    [
        ("rp2", "Raspberry Pi Pico W with RP2040", 4, 6, 2),
        ("esp32", "Generic ESP32 module with ESP32", 4, 1, 2),
        ("esp32", "ESP32C2 module with ESP32C2", 2, 1, 1),
    ],
    ids=["RP2", "ESP32", "ESP32-C2"],
)
def test_boards_have_the_budget_of_their_port(
    micropython, port, chip, sockets, listeners, sessions
):
    """hal/board.py by itself, with stand-ins for what only a board has."""
    script = f"""
import sys
import hal
from services.ftp.data.listeners import Sockets
class Machine:
    mem32 = {{0x40058000 + 0x1C: 0}}
    def __getattr__(self, name):
        return None
sys.modules["machine"] = Machine()
class Implementation:
    _machine = {chip!r}
    version = 1, 28, 0
class Sys:
    platform = {port!r}
    implementation = Implementation
sys.modules["sys"] = Sys()
from hal.board import LISTENERS, SOCKETS
print(SOCKETS, LISTENERS, Sockets(None, SOCKETS, (1, 2)).sessions())
"""
    assert micropython(script).split() == [str(sockets), str(listeners), str(sessions)]


@pytest.fixture(scope="module")
def pair():
    """A certificate for a board, and its key."""
    return certificate.make(["127.0.0.1"])


class TestACrowd:
    """Clients that connect at once: each hears 220 or 421, soon, whatever is configured."""

    @staticmethod
    def greetings(port, count):
        """What so many clients hear that connect at the same time, each as its code or fault."""
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as pool:
            together = threading.Barrier(count)

            def greeting(_):
                together.wait()
                try:
                    sock = socket.create_connection(("127.0.0.1", port), 15)
                    stack.callback(sock.close)  # none leaves before all are answered
                    return sock.recv(200)[:4].decode()
                except OSError as error:
                    return repr(error)

            return list(pool.map(greeting, range(count)))

    @pytest.mark.parametrize("bits", [32, 64])
    @pytest.mark.parametrize("name", ["pico-w", "esp32", "desk"])
    @pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
    def test_fifty_at_once_at_the_defaults(self, power_up, pair, name, bits, secure):
        files = {file.path: file.content for file in pair.files} if secure else None
        tls = {"tls": {}} if secure else {}
        board = power_up(
            {"max_sessions": None, **tls}, files=files, profile=BOARDS[name], bits=bits
        )

        heard = self.greetings(board.port, 50)

        assert set(heard) == {"220 ", "421 "}

    @pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
    @pytest.mark.parametrize("heap", ["112K", "120K", "128K"])
    def test_more_sessions_than_the_heap_has_room_for(
        self, power_up, connect, wait_for, pair, heap, secure
    ):
        """The one who is refused was read from before its socket was made non-blocking: that held
        the loop until the watchdog bit."""
        files = {file.path: file.content for file in pair.files} if secure else None
        tls = {"tls": {}} if secure else {}
        board = power_up(
            {"max_sessions": 100, "max_per_address": 100, **tls},
            {"time": None, "log": None},
            files=files,
            heap=heap,
        )

        for _ in range(2):
            heard = self.greetings(board.port, 95)
            assert set(heard) <= {"220 ", "421 "}
            assert "421 " in heard or heap == "128K"

        def served():
            """Whether a client is; the crowd's sessions take a moment to end."""
            try:
                client = connect(None, to=board)
                codes = [client.ask(line).code for line in ("USER admin", "PASS secret", "NOOP")]
                client.close()
            except ConnectionError:
                return False
            return codes == [331, 230, 200]

        # By then the heap may lie in pieces, which a reset mends after 30 s.
        wait_for(served, "who comes after the crowd is served", 60)
