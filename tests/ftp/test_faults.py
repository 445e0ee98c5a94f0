"""Faults of connections: what goes wrong for one session, an innocent one does not notice.

Each test ends with as many sessions, tasks, descriptors, listeners and as much heap as before.
"""

import contextlib
import random
import socket
import time

import pytest

BIG = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def board(watched_board):
    with (watched_board.card / "big").open("wb") as file:
        file.truncate(BIG)
    return watched_board


@pytest.fixture(autouse=True)
def innocent(bystander, board):
    with bystander(board) as innocent:
        yield innocent


def test_stalled_readers_and_writers_are_ended_and_their_sessions_go_on(connect):
    """The reader's window is full, which no time-out of TCP ends: the board's own limit does."""
    down, lister, up, appender = sessions = [connect() for _ in range(4)]
    began = time.monotonic()
    down.begin("RETR /sd/big", small=True)
    up.begin("STOR /half").sendall(b"half")
    appender.begin("APPE /sd/half").sendall(b"half")
    lister.begin("RETR /sd/big", small=True)

    for session in sessions:
        reply = session.reply()
        assert (reply.code, "No data moved" in reply.text) == (426, True)
    assert 4 < time.monotonic() - began < 9
    for session in sessions:
        assert session.ask("NOOP").code == 200
    assert down.ask("SIZE /half").code == down.ask("SIZE /sd/half").code == 550


def test_a_data_connection_that_is_never_opened_is_given_up(connect):
    sessions = [connect() for _ in range(3)]
    began = time.monotonic()
    for session, command in zip(sessions, ("LIST /", "RETR /main.py", "STOR /new"), strict=True):
        session.passive_port()
        assert session.ask(command).code == 150

    for session in sessions:
        reply = session.reply()
        assert (reply.code, "never opened" in reply.text) == (426, True)
    assert 14 < time.monotonic() - began < 20
    assert sessions[0].ask("SIZE /new").code == 550


def test_clients_that_vanish_without_a_word_are_ended(connect):
    """Half-open connections: no FIN, no reset, nothing is read: only the board's clock ends them.

    Before its login, after it, with a listener that nobody uses, in the middle of a line.
    """
    began = time.monotonic()
    stranger, listening, in_mid_line, idle = (
        connect(None),
        connect(),
        connect(),
        connect(),
    )
    listening.passive_port()
    in_mid_line.send(b"RETR /ma")

    assert stranger.reply().code == 421
    assert 4 < time.monotonic() - began < 8
    for session in (listening, in_mid_line, idle):
        assert session.reply().code == 421
        assert session.closed()
    assert 9 < time.monotonic() - began < 14


def _reset_data(session, sock):
    session.reset(sock)
    code = session.reply().code
    assert code in (426, 226), code
    assert session.ask("NOOP").code == 200


def _reset_control(session, sock):
    session.reset()


def _reset_both(session, sock):
    session.reset(sock)
    session.reset()


def _reset_both_control_first(session, sock):
    session.reset()
    session.reset(sock)


RESETS = [_reset_data, _reset_control, _reset_both, _reset_both_control_first]


@pytest.mark.parametrize("command", ["RETR /sd/big", "STOR /sd/new", "APPE /sd/old", "LIST -R /"])
@pytest.mark.parametrize("how", RESETS)
def test_resets_in_mid_transfer(connect, board, innocent, command, how):
    (board.card / "old").write_bytes(b"old")
    (board.card / "new").unlink(missing_ok=True)
    rng = random.Random(f"{command}{how.__name__}")
    for _ in range(12):
        with contextlib.closing(connect()) as session:
            sock = session.data(small=True)
            while (reply := session.ask(command)).code == 450:
                pass  # the one before is still being ended
            assert reply.code == 150, reply
            if command.startswith(("STOR", "APPE")):
                sock.sendall(rng.randbytes(rng.randrange(1, 40_000)))
            elif rng.random() < 0.7:
                sock.recv(rng.randrange(1, 5000))
            how(session, sock)

    assert (board.card / "old").read_bytes() == b"old"
    assert not (board.card / "new").exists()


def test_a_client_that_reads_no_replies_is_ended_and_costs_little(
    power_up_watched, connect, bystander, wait_for
):
    """It sends commands as fast as it is let; its replies fill both kernels' buffers."""
    board = power_up_watched({"idle_s": 3600})  # only stall_s can end it
    with bystander(board), contextlib.closing(connect(to=board)) as watching:
        before = _sessions(watching)
        free = _free_kib(watching)
        deaf, deaf_in_transfer = connect(to=board), connect(to=board)
        # The transfer's own reply finds the way blocked, too.
        sock = deaf_in_transfer.begin("STOR /sd/kept")
        for client in (deaf, deaf_in_transfer):
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sock.setblocking(False)
            for _ in range(10_000):
                with contextlib.suppress(BlockingIOError):
                    client.sock.send(b"STAT\r\n" * 20)
        sock.sendall(b"whole")
        sock.close()
        assert _sessions(watching) == before + 2, "they are served as long as there is room"
        assert _free_kib(watching) > free - 24

        # Megabytes of replies fit into the buffers before anybody has to wait.
        wait_for(lambda: _sessions(watching) == before, "the board to give up", 60)


def _sessions(session):
    return session.ask("SITE who").text.count("127.0.0.1")


def _free_kib(session):
    return int(session.ask("SITE free").lines[1].split()[3].removesuffix("KiB"))
