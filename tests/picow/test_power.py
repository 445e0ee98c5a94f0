"""Power: cuts in the midst of an upload, SITE shutdown, and how the watchdog is fed."""

import json

import pytest
from picow import flash_image
from picow.network import HOST
from picow.station import Watch
from picow.transfers import content, fetch, store

OLD = content(6_000, 3)
NEW = content(30_000, 4)
PATH = "/kept.bin"
HALTED_S = 30
DEAD_S = 5  # how long the client waits for a board whose power is off
LONGEST_GAP_MS = 4000  # half of the watchdog's period


@pytest.mark.parametrize("operation", [2, 9, 20])
def test_power_cut_in_an_upload_keeps_the_old_file(station, board, operation):
    """The power fails in the Nth flash operation of an upload over a file: the old one is there.

    On the flash while it is off, and over FTP after the next boot, which removes what was left.
    """
    session = board.ftp(HOST)
    store(session, PATH, OLD)
    names = sorted(session.nlst("/"))
    events = len(board.emulator.events)
    board.control(f"cut {operation}")
    session.timeout = DEAD_S
    session.sock.settimeout(DEAD_S)
    with pytest.raises((OSError, EOFError)):
        store(session, PATH, NEW)
    session.close()
    board.emulator.wait("power", events, on=False)
    assert flash_image.read(station.flash, PATH) == OLD
    board.power_on()
    board.wait_serving()
    session = board.ftp(HOST)
    assert fetch(session, PATH) == OLD
    assert sorted(session.nlst("/")) == names
    store(session, PATH, NEW)
    assert fetch(session, PATH) == NEW
    session.quit()


def test_shutdown_halts(station, board):
    """SITE shutdown -h puts the chip to sleep: no FTP, no reset, until power comes anew."""
    before = len(board.resets)
    events = len(board.emulator.events)
    session = board.ftp(HOST)
    session.sendcmd("SITE shutdown -h")
    session.close()
    board.emulator.wait("sleep", events, timeout=60, dormant=True)
    assert not board.serves()
    # Its own clock stands still: this is the host's time.
    with pytest.raises(AssertionError, match="no sleep"):
        board.emulator.wait("sleep", events, timeout=HALTED_S, dormant=False)
    assert board.resets[before:] == []
    board.power_cycle()
    board.wait_serving()


def test_shutdown_restarts(station, board):
    """SITE shutdown -r: one reset, asked for, and the boot after it is no bad one."""
    before = len(board.resets)
    since = len(board.console)
    session = board.ftp(HOST)
    first = json.loads(fetch(session, "/boot.json"))
    session.sendcmd("SITE shutdown -r")
    session.close()
    board.wait_console("board/boot", since)
    board.wait_serving()
    assert [reset["cause"] for reset in board.resets[before:]] == ["forced"]
    record = json.loads(fetch(board.ftp(HOST), "/boot.json"))
    assert record.get("bad", 0) <= first.get("bad", 0), record


def test_watchdog_is_fed_whatever_clients_do(station, board):
    """Logins, wrong ones too, listings, uploads, downloads, SITE commands: no long gap."""
    watch = Watch(station)
    session = board.ftp(HOST)
    with pytest.raises(Exception, match="530"):
        session.login("admin", "wrong")
    session.login("admin", "secret")
    store(session, "/fed.bin", NEW)
    assert fetch(session, "/fed.bin") == NEW
    for command in ("SITE gc", "SITE free", "SITE df", "SITE who", "SITE hashpass x", "STAT"):
        session.sendcmd(command)
    assert {"config.json", "fed.bin"} <= {name for name, _ in session.mlsd("/")}
    session.retrlines("LIST -R /", lambda line: None)
    session.delete("/fed.bin")
    session.quit()
    watch.check()
    assert watch.longest_feed_gap_ms < LONGEST_GAP_MS
