"""A board whose config.json has gone, or can't be read as text: it boots as it was."""

import pytest
from outpost.sim.flash import Flash


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda flash: flash.remove("/config.json"), "is missing"),
        (lambda flash: flash.write("/config.json", b'{"name": "\xff\xfe'), "not UTF-8 text"),
        (lambda flash: flash.write("/config.json", b""), "not JSON"),
    ],
    ids=["missing", "no text", "empty"],
)
def test_its_users_can_still_log_in_and_somebody_hears_of_it(start_board, damage, says):
    board = start_board()
    board.prove()
    board.stop()
    with Flash(board.flash) as flash:
        before = flash.read("/config.json")
        damage(flash)
        damaged = flash.read("/config.json")
    start = len(board.console)
    board.start()
    board.wait_ready()
    session = board.ftp()
    stat = session.sendcmd("STAT").replace("\n211-           ", " ")
    session.quit()
    board.stop()
    assert says in stat
    assert says in board.console[start:]
    assert "shown this once" not in board.console[start:]
    with Flash(board.flash) as flash:
        assert flash.read("/config.json") == before
        assert flash.read("/config.last") == before
        if says != "is missing":
            assert flash.read("/config.failed.json") == damaged


def test_without_config_last_too_it_is_a_new_board(start_board):
    board = start_board()
    board.stop()
    with Flash(board.flash) as flash:
        flash.remove("/config.json")
    start = len(board.console)
    board.start()
    board.wait_console("board/boot", start=start)
    board.stop()
    assert "shown this once" in board.console[start:]
    assert "config/problem" not in board.console[start:]
