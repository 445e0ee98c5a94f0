"""From an empty flash to a board that serves, knows the time and its own name."""

import calendar
import io
import json
import time

from picow.network import BOARD
from picow.station import wait_until

CLOCK_S = 5  # the board's clock may be so far from the host's


def modified(session, name):
    """When the server says that a file was changed, in seconds since 1970."""
    reply = session.sendcmd(f"MDTM {name}")
    return calendar.timegm(time.strptime(reply.split()[1], "%Y%m%d%H%M%S"))


def test_deployed_onto_an_empty_flash(station, board):
    """All files were copied over USB in one go, and nothing failed on the way to FTP."""
    before, _, printed = station.console_installed.rpartition('"cause":"forced"')
    if station.firmware.frozen:  # it has started by itself already, on the empty flash
        assert "board/boot" in before
    else:
        assert "0 unchanged, 0 removed" in station.installed
        assert "the board is restarting" in station.installed
    # What mpremote tries at the prompt may fail: the rest is what Outpost itself printed.
    assert "board/boot" in printed
    assert "Traceback" not in printed
    assert "ERROR" not in printed
    assert "watchdog" not in [reset["cause"] for reset in board.resets]


def test_first_boot_is_no_bad_one(board, ftp):
    """The boot record counts no boot that ended badly."""
    session = ftp()
    lines = []
    session.retrlines("RETR /boot.json", lines.append)
    record = json.loads("".join(lines))
    assert not record.get("bad"), record


def test_real_dates_once_the_clock_is_set(board, ftp):
    """After the first answer of the time server, found by DNS, new files carry today's date."""
    wait_until(lambda: "time/sync" in board.console, "synchronised", 60)
    session = ftp()
    session.storbinary("STOR /dated.txt", io.BytesIO(b"now"))
    assert abs(modified(session, "/dated.txt") - time.time()) < CLOCK_S
    listing = []
    session.retrlines("LIST /dated.txt", listing.append)
    assert time.strftime("%b", time.gmtime()) in listing[0]
    facts = dict(session.mlsd("/", ["modify"]))["dated.txt"]
    assert facts["modify"][:8] == time.strftime("%Y%m%d", time.gmtime())
    session.delete("/dated.txt")


def test_the_router_knows_the_board_by_its_name(station, board):
    """DHCP hears the board's `name` where config.json names no hostname."""
    lease = board.network.leases.read_text().split()
    assert lease[2:4] == [BOARD, "emulated"]
