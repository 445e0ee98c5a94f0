"""What config.json came to is kept, so that later boots need no parser; it never holds one back.

Who reads config.json anew writes it anew; that tells which way it was.
"""

import json

import pytest
from fixtures_sim import PASSWORD
from outpost.sim.flash import Flash

READY = "/config.ready"


@pytest.fixture
def booted(start_board):
    """A callable (change) -> the greeting, and whether config.json was read anew.

    change(flash): what happens to the flash after a first boot.
    """

    def again(change):
        board = start_board()
        board.stop()
        with Flash(board.flash) as flash:
            assert flash.read(READY)
            change(flash)
            changed = flash.read(READY), flash.read("/config.json")
        board.start()
        board.wait_ready()
        with board.ftp() as session:
            greeting = session.welcome
            assert "running" in session.sendcmd("STAT")
        board.stop()
        with Flash(board.flash) as flash:
            return greeting, (flash.read(READY), flash.read("/config.json")) != changed

    return again


def test_a_boot_like_the_last_one_needs_no_parser(booted):
    assert booted(lambda flash: flash.write("/jsontext.mpy", b"no module"))[1] is False


def cut(flash):
    flash.write(READY, flash.read(READY)[:-1])


def turn_a_bit(flash):
    kept = bytearray(flash.read(READY))
    kept[len(kept) // 2] ^= 1
    flash.write(READY, bytes(kept))


def empty(flash):
    flash.write(READY, b"")


@pytest.mark.parametrize("damage", [cut, turn_a_bit, empty])
def test_a_damaged_one_is_ignored(booted, damage):
    assert booted(damage)[1] is True


def test_a_changed_config_is_read_anew_at_once(booted):
    def rename(flash):
        config = json.loads(flash.read("/config.json"))
        flash.write("/config.json", json.dumps({**config, "name": "brandnew"}).encode())

    greeting, anew = booted(rename)
    assert anew
    assert "brandnew" in greeting


def remove(flash):
    flash.remove("/data")


def replace_by_a_file(flash):
    flash.remove("/data")
    flash.write("/data", b"no folder")


@pytest.mark.parametrize(
    ("change", "named"),
    [(remove, "there is no folder /data"), (replace_by_a_file, "/data is no folder")],
)
def test_a_root_that_goes_missing_later_is_named(start_board, change, named):
    """Nothing else has config.json read anew then: its text is the same."""
    users = {
        "admin": {"password": PASSWORD, "role": "admin", "root": "/"},
        "logger": {"password": PASSWORD, "role": "write", "root": "/data"},
    }
    board = start_board(config={"ftp": {"users": users}}, ftp=True, wait=True)
    with board.ftp() as session:
        session.mkd("/data")
    board.stop()
    board.start()  # the first boot named it; this one keeps what config.json came to
    board.wait_ready()
    board.stop()
    with Flash(board.flash) as flash:
        assert flash.read(READY)
        change(flash)
    for _ in range(2):
        start = len(board.console)
        board.start()
        board.wait_ready()
        board.wait_console(named, start=start)
        with board.ftp() as session:
            assert f"ftp.users.logger.root: {named}" in board.stat(session).replace("\n", " ")
        board.stop()
