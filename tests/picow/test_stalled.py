"""Clients that stop reading, laptops that leave the radio's reach: nobody else notices."""

import ftplib

import pytest
from picow.network import HOST, LAPTOPS
from picow.station import Watch, seconds_of
from picow.transfers import Download, content, fetch, reset_session, store

# Of the board's time; make them shorter by these variables, or longer.
STALL_S = seconds_of("PICO_W_STALL_S", 300)
VANISH_S = seconds_of("PICO_W_VANISH_S", 120)
SILENCE_S = seconds_of("PICO_W_SILENCE_S", 40)
SIZE = 150_000  # many times what lwIP and the client's system hold
PATH = "/stalled.bin"
ANSWER_S = 1
FREED_S = 10
FULL_S = 30  # of a download that takes 1 s alone
PAUSE_S = 5  # between two rounds of what others do


@pytest.fixture
def patient(station):
    """The board with an Outpost that does not end a transfer which stands still."""
    with station.use() as board:
        station.reboot(ftp={"stall_s": int(STALL_S) + 600})
        yield board


def others_are_served(board, watch, seconds, session):
    """For so many seconds another client works: each answer comes within a second."""
    small = content(2000, 2)
    until = board.seconds + seconds
    while board.seconds < until:
        with watch.within(ANSWER_S, "NOOP"):
            session.voidcmd("NOOP")
        with watch.within(ANSWER_S, "STAT"):
            session.sendcmd("STAT")
        # Three replies and a data connection, each of which may take its second.
        with watch.within(4 * ANSWER_S, "a download of 2 KB"):
            assert fetch(session, "/small.bin") == small
        with watch.within(4 * ANSWER_S, "an upload of 2 KB"):
            store(session, "/small.new", small)
        watch.check()
        board.live(min(PAUSE_S, max(0, until - board.seconds)))


def test_reader_that_stops(station, patient):
    """A RETR whose client stops reading for five minutes, and then reads on: every byte is right.

    Meanwhile no reset, others are answered within a second, MQTT stays up.
    """
    board = patient
    data = content(SIZE)
    session = board.ftp(HOST)
    store(session, PATH, data)
    store(session, "/small.bin", content(2000, 2))
    watch = Watch(station)
    stalled = Download(board.ftp(LAPTOPS[0]), PATH)
    stalled.read(1000)
    others_are_served(board, watch, STALL_S, session)
    assert stalled.finish() == data
    watch.check()
    assert watch.longest_feed_gap_ms < 3000


def test_reader_that_stops_starves_nobody(station, board):
    """Beside a RETR that stands still another one of the same size runs to its end.

    lwIP's heap of 8,000 bytes is shared by all connections: what one holds, others lack.
    """
    data = content(SIZE)
    session = board.ftp(HOST)
    store(session, PATH, data)
    watch = Watch(station)
    stalled = Download(board.ftp(LAPTOPS[0]), PATH)
    stalled.read(1000)
    board.live(PAUSE_S)
    with watch.within(FULL_S, f"a download of {SIZE} bytes beside one that stands still"):
        assert fetch(session, PATH) == data
    assert stalled.finish() == data
    watch.check()
    for one in (session, stalled.session):
        one.quit()


def test_laptop_that_leaves_the_radios_reach(station, board):
    """A client vanishes in mid RETR: its packets are lost in both directions, nobody is told.

    No reset, others are answered within a second, MQTT stays up; and when the laptop is back it
    can log in and gets the whole file.
    """
    data = content(SIZE)
    session = board.ftp(HOST)
    store(session, PATH, data)
    store(session, "/small.bin", content(2000, 2))
    watch = Watch(station)
    vanished = Download(board.ftp(LAPTOPS[0]), PATH)
    vanished.read(20_000)
    board.control(f"hide {LAPTOPS[0]}")
    try:
        others_are_served(board, watch, VANISH_S, session)
    finally:
        board.control(f"show {LAPTOPS[0]}")
    vanished.data.close()
    vanished.session.close()
    back = board.ftp_again(LAPTOPS[0])
    assert fetch(back, PATH) == data
    watch.check()
    for one in (session, back):
        one.quit()


def test_lost_sessions_give_their_places_back(station, board):
    """Two clients are killed, their connections reset: their places are free after seconds."""
    watch = Watch(station)
    for session in [board.ftp(source) for source in LAPTOPS[:2]]:
        reset_session(session)
    with watch.within(FREED_S, "two new sessions"):
        again = [board.ftp_again(source) for source in LAPTOPS[:2]]
    for session in again:
        session.quit()
    watch.check()


def test_radio_that_falls_silent(station, board):
    """All frames are lost for a while in mid RETR: no reset; FTP and MQTT come back by themselves.

    The download either goes on, with every byte right, or fails: it never ends as a whole file
    that is not.
    """
    data = content(SIZE)
    session = board.ftp(HOST)
    store(session, PATH, data)
    watch = Watch(station)
    download = Download(board.ftp(LAPTOPS[0]), PATH)
    download.read(20_000)
    board.control("silence on")
    try:
        board.live(SILENCE_S)
    finally:
        board.control("silence off")
    try:
        received = download.finish()
    except (OSError, EOFError, ftplib.Error):
        received = None
    assert received in (None, data)
    download.session.close()
    session.close()
    back = board.ftp_again(LAPTOPS[0])
    assert fetch(back, PATH) == data
    back.quit()
    station.wait_mqtt()
    assert watch.resets() == []
