"""FTP under load while the broker is away: what waits for it takes nothing that FTP needs."""

import contextlib
import ftplib
import io
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

TURNS = 60
SESSIONS = ("a", "b")  # as many as a Pico W has
CONTENT = b"reading\r\n" * 500


def turn(session, number, name):
    """What a client does once; ftplib.error_temp where the board refuses a part of it."""
    path = f"/{name}-{number}.csv"
    session.storbinary("STOR " + path, io.BytesIO(CONTENT))
    session.sendcmd(f"MFMT 20260102030405 {path}")
    session.retrbinary("RETR " + path, lambda piece: None)
    session.retrlines("LIST /", lambda line: None)
    session.retrlines("MLSD /", lambda line: None)
    session.sendcmd("STAT")
    session.rename(path, path + ".old")
    session.delete(path + ".old")
    with contextlib.suppress(ftplib.error_perm):
        session.retrlines("RETR /nothing")  # a failure: those are kept longest


def refusals(board):
    """What the board refused (4xx) to sessions that work without a pause, as texts."""

    def client(name):
        refused = []
        session = board.ftp()
        for number in range(TURNS):
            try:
                turn(session, number, name)
            except ftplib.error_temp as error:
                refused.append(str(error))
        session.quit()
        return refused

    with ThreadPoolExecutor(len(SESSIONS)) as pool:
        return [text for told in pool.map(client, SESSIONS) for text in told]


@pytest.fixture
def brokers(mosquitto):
    """Name -> URL: a broker that is there, one that refuses, one that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        yield {
            "there": f"mqtt://{mosquitto.host}:{mosquitto.port}",
            "away": "mqtt://127.0.0.1:1",
            "mute": f"mqtt://127.0.0.1:{mute.getsockname()[1]}",
        }


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["there", "away", "mute"])
def test_no_more_is_refused_than_with_the_broker_there(start_board, brokers, name):
    """There it is nothing. Each turn makes eight events and lines of the log."""
    board = start_board(config={"telemetry": {"broker": brokers[name]}})

    assert refusals(board) == []
    told = " ".join(board.stat(board.ftp()).split())
    assert "ftp running" in told
    assert "telemetry running" in told
