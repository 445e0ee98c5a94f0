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

    assert browser.ask("CWD /services").code == 250
    assert "ftp" in browser.names("")
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


def test_a_new_pasv_takes_the_place_of_the_old_one(control, board):
    control.ask("NOOP")
    _, listeners = board.sockets()
    ports = [control.passive_port() for _ in range(20)]

    assert board.sockets()[1] == listeners + 1
    for port in set(ports) - {ports[-1]}:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_the_listener_closes_with_its_session(connect, board, wait_for):
    before = board.sockets()
    session = connect()
    session.passive_port()

    session.ask("QUIT")

    assert session.closed()
    # Fewer where a session of an earlier test was still closing.
    wait_for(
        lambda: all(now <= then for now, then in zip(board.sockets(), before, strict=True)),
        "the sockets to be closed",
    )


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


def test_when_all_passive_ports_are_taken_the_session_hears_425(connect, power_up, wait_for):
    board = power_up()
    session = connect(to=board)
    first = session.passive_port()
    taken = []
    with contextlib.ExitStack() as stack:
        for port in range(first - 60, first + 60):
            server = socket.socket()
            stack.callback(server.close)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                server.bind(("127.0.0.1", port))
                server.listen(1)
                taken.append(port)
        assert session.ask("ABOR").code == 225
        last = socket.create_server(("127.0.0.1", first))
        stack.callback(last.close)

        assert session.ask("EPSV").code == 425
        assert session.ask("PASV").code == 425
    assert session.ask("EPSV").code == 229


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


def test_five_sessions_and_two_transfers_at_once_in_133_kib(power_up, connect, all_services):
    board = power_up(sections=all_services)
    (board.card / "big").write_bytes(bytes(BIG))
    sessions = [connect(to=board) for _ in range(5)]
    down = sessions[0].begin("RETR /sd/big", small=True)
    up = sessions[1].begin("STOR /new")
    up.sendall(b"x" * 100_000)

    for session in sessions[2:]:
        assert session.ask("CWD /services").code == 250
        assert "ftp" in session.names("")
        assert session.ask("STAT").code == 211
        text = session.ask("SITE who").text
        assert text.count("bytes") == 2, sessions[1].reply()

    assert len(sessions[0].rest(down)) == BIG
    up.close()
    assert sessions[0].reply().code == 226
    assert sessions[1].reply().code == 226
    assert len(sessions[1].get("/new")) == 100_000
    assert "MemoryError" not in board.console


def test_all_services_and_a_transfer_run_in_96_kib(power_up, connect, all_services):
    board = power_up(sections=all_services, heap="96wK")
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
