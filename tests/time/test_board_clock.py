"""The clock on a whole board: what listings show, and transfers beside a sick time server."""

import ftplib
import time

import pytest
from fixtures_time import loopback_address
from outpost.sim.clock import libfaketime

STALL_MS = 2000


@pytest.fixture
def board(start_board):
    """A board whose clock starts at 2000-01-01 and that knows one time server: (address)."""
    if not libfaketime():
        pytest.skip("NOT TESTED: libfaketime is not installed (Debian package faketime)")
    return lambda address: start_board(config={"time": {"servers": [address]}})


def today(pattern):
    """Today by this pattern, in UTC; both days around midnight."""
    now = time.time()
    return {time.strftime(pattern, time.gmtime(t)) for t in (now - 60, now)}


def listed(session, name):
    lines = []
    session.retrlines("LIST", lines.append)
    return next(line for line in lines if line.endswith(" " + name))


def test_files_show_2000_before_the_first_sync_and_today_after_it(board, chronyd):
    chronyd.stop()
    device = board(chronyd.address)
    session = device.ftp()

    assert "clock not set" in device.stat(session)
    device.upload(session, "early.txt")
    assert session.sendcmd("MDTM early.txt").startswith("213 20000101")
    assert "Jan  1  2000 early.txt" in listed(session, "early.txt")

    chronyd.start()
    assert chronyd.address in session.sendcmd("SITE NTP")
    device.upload(session, "late.txt")
    assert session.sendcmd("MDTM late.txt")[4:12] in today("%Y%m%d")
    assert listed(session, "late.txt").split()[5:7] in [
        text.split() for text in today("%b %d")
    ] + [text.split() for text in today("%b %e")]
    assert "Jan  1  2000 early.txt" in listed(session, "early.txt")
    assert "clock synchronised" in device.stat(session)


def test_the_board_sets_its_clock_at_start_without_being_asked(board, chronyd):
    device = board(chronyd.address)
    session = device.ftp()
    deadline = time.monotonic() + 20
    while "clock synchronised" not in (text := device.stat(session)):
        assert time.monotonic() < deadline, text

    assert f"source {chronyd.address}" in text


def test_site_ntp_that_fails_says_what_failed(board, chronyd):
    chronyd.freeze()
    session = board(chronyd.address).ftp()

    with pytest.raises(ftplib.error_temp) as refused:
        session.sendcmd("SITE NTP")
    assert str(refused.value) == f"451 no answer from {chronyd.address} within 500 ms."


def test_uptime_does_not_jump_with_the_clock(board, chronyd):
    device = board(chronyd.address)
    session = device.ftp()
    session.sendcmd("SITE NTP")

    assert " days" not in session.sendcmd("SITE uptime")


@pytest.mark.parametrize("trouble", ["absent", "frozen", "restarted"])
def test_a_transfer_completes_beside_a_sick_time_server(board, chronyd, trouble):
    address = loopback_address() if trouble == "absent" else chronyd.address
    device = board(address)
    session = device.ftp()
    upload = device.begin_upload("big.bin")
    if trouble == "frozen":
        chronyd.freeze()
    if trouble == "restarted":
        chronyd.restart()
        assert chronyd.address in session.sendcmd("SITE NTP")
    else:
        for _ in range(3):
            upload.more()
            with pytest.raises(Exception, match=address):
                session.sendcmd("SITE NTP")
    upload.finish()

    assert device.longest_stall_ms(session) < STALL_MS
