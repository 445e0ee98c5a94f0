"""Hundreds of transfers in a row without one dead connection, after a soft reset too."""

import contextlib

from picow.network import HOST, LAPTOPS
from picow.station import Watch
from picow.transfers import abort, content, fetch, reset, reset_session, store

ROUNDS = 50  # 2 RETR, 2 STOR and 1 LIST each: 100, 100 and 50
SOURCE = "/source.bin"
SIZE = 20_000
UPLOAD = 4_000


def test_hundreds_of_transfers(station, board):
    """100 RETR, 100 STOR, 50 LIST, aborts, and clients that are reset in the midst of a transfer.

    One control connection lives through all of it, another one stands beside it, and MQTT stays
    up. Every byte is right, every listing whole.
    """
    torture(station, board)


def test_hundreds_of_transfers_after_a_soft_reset(station, board):
    """The same once more, after Ctrl-C and Ctrl-D: what the port kept open counts for nothing."""
    since = len(board.console)
    board.type(b"\r\x03")
    board.wait_console(">>> ", since)
    board.type(b"\x04")
    board.wait_console("soft reboot", since)
    board.wait_serving()
    torture(station, board)


def torture(station, board):
    """See test_hundreds_of_transfers."""
    working = board.ftp(HOST)
    beside = board.ftp(LAPTOPS[0])
    data = content(SIZE)
    store(working, SOURCE, data)
    watch = Watch(station)
    for number in range(ROUNDS):
        for half in range(2):
            assert fetch(working, SOURCE) == data
            path = f"/upload{half}.bin"
            uploaded = content(UPLOAD, 2 * number + half)
            store(working, path, uploaded)
        assert fetch(working, path) == uploaded
        names = []
        working.retrlines("LIST /", lambda line, names=names: names.append(line.split()[-1]))
        assert {"source.bin", "upload0.bin", "upload1.bin", "main.py"} <= set(names) | {
            "main.py" if station.firmware.frozen else ""
        }
        if number % 5 == 2:
            abort(working, SOURCE, 5_000)
        if number % 5 == 4:
            reset_in_mid_transfer(beside)
            beside = board.ftp_again(LAPTOPS[0])
        beside.voidcmd("NOOP")
        watch.check()
    working.quit()
    beside.quit()
    watch.check()


def reset_in_mid_transfer(session):
    """Be a client that is killed in the midst of a download: both its connections are reset."""
    session.voidcmd("TYPE I")
    data = session.transfercmd(f"RETR {SOURCE}")
    data.recv(1000)
    reset(data)
    with contextlib.suppress(OSError):
        reset_session(session)
