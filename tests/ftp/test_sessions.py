"""Reachability: many sessions, browsing beside transfers, limits, time-outs, small heaps."""

import contextlib
import socket
import threading
import time

import pytest

BIG = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def big(board):
    path = board.card / "big"
    with path.open("wb") as file:
        file.truncate(BIG)
    yield "/sd/big"
    path.unlink()


def test_sessions_of_one_address_have_a_listener_each(connect, folder):
    sessions = [connect() for _ in range(4)]
    for number, session in enumerate(sessions):
        session.put(f"{folder}/{number}", b"file %d" % number)
    ports = [session.passive_port() for session in sessions]
    assert len(set(ports)) == 4

    # Opened in another order than announced: each socket must get its own session's file.
    data = {n: socket.create_connection(("127.0.0.1", ports[n]), 10) for n in (2, 0, 3, 1)}
    for number, session in enumerate(sessions):
        assert session.ask(f"RETR {folder}/{number}").code == 150
    for number, sock in data.items():
        assert sessions[number].rest(sock) == b"file %d" % number
        sock.close()
    assert [session.reply().code for session in sessions] == [226] * 4


def test_browsing_goes_on_while_another_session_transfers(connect, big):
    slow = connect()
    sock = slow.begin(f"RETR {big}", small=True)
    browser = connect("reader")

    assert browser.ask("CWD /site").code == 250
    assert browser.ask("CWD /").code == 250
    assert "outpost.bin" in browser.names("")
    assert browser.fetch("RETR /main.py").startswith(b'"""')

    assert len(slow.rest(sock)) == BIG, "the slow transfer is whole"
    assert slow.reply().code == 226


def test_two_transfers_run_side_by_side(connect, big, folder):
    down, up = connect(), connect()
    getting = down.begin(f"RETR {big}", small=True)
    assert up.ask("TYPE I").code == 200
    assert up.store(f"STOR {folder}/file", b"y" * 50_000).code == 226

    assert len(down.rest(getting)) == BIG
    assert down.reply().code == 226


def test_passive_listeners_are_opened_once_and_used_again(connect, power_up):
    """Closing one costs an RP2 a connection, so none is closed, whatever becomes of a session."""
    board = power_up()
    first = connect(to=board)
    port = first.passive_port()
    listeners = board.sockets()[1]
    for _ in range(20):
        assert first.passive_port() == port
        first.names("/")
    first.begin("LIST /")
    first.reset()
    second = connect(to=board)
    assert second.passive_port() == port
    third = connect(to=board)
    assert third.passive_port() != port

    for session in (second, third):
        assert session.ask("QUIT").code == 221
    assert board.sockets()[1] == listeners + 1, "as many as were wanted at a time"


def test_what_came_to_a_listener_before_is_nobodys(connect, power_up):
    """A connection to a port that is not lent, and one of a session that gave its port up."""
    board = power_up()
    one = connect(to=board)
    port = one.passive_port()
    late = socket.create_connection(("127.0.0.1", port), 20)
    assert one.ask("ABOR").code == 225
    early = socket.create_connection(("127.0.0.1", port), 20)

    assert b"main.py" in one.fetch("NLST /")

    for sock in (late, early):
        with sock:
            sock.settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(100) == b"", "closed, and given nothing"
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(100) == b"", "nobody holds a connection by that port"


def test_a_data_connection_from_elsewhere_is_not_taken(connect, power_up):
    """RFC 2577 section 6: another host may not take what was asked for."""
    board = power_up()
    session = connect(source="127.0.1.1", to=board)
    port = session.passive_port()
    with socket.create_connection(("127.0.0.1", port), 20, ("127.0.1.9", 0)) as thief:
        assert session.ask("NLST /").code == 150
        with socket.create_connection(("127.0.0.1", port), 20, ("127.0.1.1", 0)) as own:
            assert b"main.py" in session.rest(own)
        assert session.reply().code == 226
        thief.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert thief.recv(100) == b""


def test_active_mode_works_too(control, folder):
    for command in ("PORT", "EPRT"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            port = server.getsockname()[1]
            argument = f"127,0,0,1,{port >> 8},{port & 255}"
            if command == "EPRT":
                argument = f"|1|127.0.0.1|{port}|"
            assert control.ask(f"{command} {argument}").code == 200
            assert control.ask("LIST /").code == 150
            sock, _ = server.accept()
            with sock:
                assert b"main.py" in control.rest(sock)
        assert control.reply().code == 226


def test_active_mode_to_a_port_where_nobody_listens_is_425(control, free_port):
    port = free_port()
    assert control.ask(f"PORT 127,0,0,1,{port >> 8},{port & 255}").code == 200

    assert control.ask("LIST /").code == 150
    assert control.reply().code == 425
    assert control.ask("NOOP").code == 200


def test_when_all_passive_ports_are_taken_the_session_hears_425(connect, power_up):
    with contextlib.ExitStack() as stack:
        low = taken_ports(stack, 3)
        board = power_up({"passive_ports": [low, low + 2]})
        session = connect(to=board)

        assert session.ask("EPSV").code == 425
        assert session.ask("PASV").code == 425
    assert low <= session.passive_port() <= low + 2


def taken_ports(stack, count):
    """The first of so many neighbouring ports that are listened on from here."""
    for low in range(33_000, 60_000, 10):
        with contextlib.ExitStack() as tries:
            try:
                for port in range(low, low + count):
                    tries.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            stack.push(tries.pop_all())
            return low
    raise AssertionError("no ports are free")


def test_one_session_too_many_is_told_and_closed(connect, power_up, wait_for):
    board = power_up({"max_sessions": 2})

    def admitted():
        """A session, or None while those before it are still being ended."""
        session = connect(None, to=board)
        return session.login() if session.greeting.code == 220 else None

    first = wait_for(admitted, "a session")
    wait_for(admitted, "a second one")

    third = connect(None, to=board)

    assert third.greeting.code == 421
    assert third.closed()
    assert first.ask("QUIT").code == 221
    wait_for(admitted, "room for a new session")


def test_those_who_idle_stall_or_never_open_are_sent_away(power_up, connect, free_port):
    """All at once: the shortest times that config.json allows are long for a test."""
    board = power_up({"idle_s": 10, "login_s": 5, "stall_s": 5})
    (board.card / "big").write_bytes(bytes(BIG))
    silent, idle = connect(None, to=board), connect(to=board)
    stalled_up, stalled_down = connect(to=board), connect(to=board)
    never, busy = connect(to=board), connect(to=board)
    began = time.monotonic()
    up = stalled_up.begin("STOR /half")
    up.sendall(b"half")
    stalled_down.begin("RETR /sd/big", small=True)
    never.passive_port()
    assert never.ask("LIST /").code == 150
    moving = busy.begin("STOR /slow")
    stop = threading.Event()

    def trickle():
        while not stop.wait(0.5):
            moving.sendall(b".")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        assert silent.reply().code == 421
        assert 4 < time.monotonic() - began < 8
        for session in (stalled_up, stalled_down):
            reply = session.reply()
            assert (reply.code, "No data moved" in reply.text) == (426, True)
            assert 4 < time.monotonic() - began < 9
            assert session.ask("NOOP").code == 200, "its session goes on"
        assert idle.reply().code == 421
        assert 9 < time.monotonic() - began < 13
        assert idle.closed()
        never.sock.settimeout(20)
        reply = never.reply()
        assert reply.code in (425, 426)
        assert "never opened" in reply.text
        assert 14 < time.monotonic() - began < 19
    finally:
        stop.set()
        thread.join()
    moving.close()
    assert busy.reply().code == 226, "a transfer that moves is no idling"
    assert len(busy.get("/slow")) >= 20
    assert busy.ask("SIZE /half").code == 550


@pytest.fixture
def all_services():
    """Sections that make main.py start everything: no broker listens there, no time server."""
    return {
        "time": {"servers": ["127.0.0.1"]},
        "telemetry": {"broker": "mqtt://127.0.0.1:1"},
        "log": {"level": "INFO"},
    }


def test_five_sessions_and_two_transfers_at_once(power_up, connect, all_services):
    board = power_up(sections=all_services)
    (board.card / "big").write_bytes(bytes(BIG))
    sessions = [connect(to=board) for _ in range(5)]
    down = sessions[0].begin("RETR /sd/big", small=True)
    up = sessions[1].begin("STOR /new")
    up.sendall(b"x" * 100_000)

    for session in sessions[2:]:
        assert "outpost.bin" in session.names("")
        assert session.ask("STAT").code == 211
        text = session.ask("SITE who").text
        assert text.count("bytes") == 2, sessions[1].reply()

    assert len(sessions[0].rest(down)) == BIG
    up.close()
    assert sessions[0].reply().code == 226
    assert sessions[1].reply().code == 226
    assert len(sessions[1].get("/new")) == 100_000
    assert "MemoryError" not in board.console


def test_all_services_and_a_transfer_run_in_152_kib(power_up, connect, all_services):
    # On 32 bits; on a Pico W they have 200 KiB.
    board = power_up(sections=all_services, heap="152K")
    control = connect(to=board)
    assert control.ask("TYPE I").code == 200
    content = bytes(range(256)) * 4096

    control.put("/file", content)
    assert control.fetch("RETR /file") == content

    text = control.ask("STAT").text
    for service in ("log", "network", "ftp", "time", "telemetry"):
        assert f"211-{service:10} running" in text, text
    assert "MemoryError" not in board.console


def test_a_client_that_reads_no_replies_holds_up_nobody(connect, control):
    deaf = connect()
    deaf.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(2000):
            deaf.sock.send(b"STAT\r\n" * 50)

    began = time.monotonic()
    assert control.ask("NOOP").code == 200
    assert "main.py" in control.names("/")
    assert time.monotonic() - began < 5


def test_a_listener_for_which_lwip_has_no_room_is_waited_for(micropython):
    said = micropython("""
import asyncio, errno
import services.ftp.data.listeners as module

tries = []


def listen(host, port):
    tries.append(port)
    if len(tries) < 4:
        raise OSError(errno.ENOMEM)
    return "listener"


class Session:
    class data:
        def close():
            pass


class Server:
    sessions = ()

    class buffers:
        @staticmethod
        def stand_by():
            pass


module.listen = listen
sockets = module.Sockets(Server, 0, (50000, 50001))
print(asyncio.run(sockets.queue_for_socket(Session, "127.0.0.1")), len(tries))
""")
    assert said == "('listener', 50000) 4\n"
