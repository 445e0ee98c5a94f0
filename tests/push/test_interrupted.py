"""Pushes that are cut off: killed, Ctrl-C, the power pulled; the next one completes them."""

import os
import signal

import pytest

from .conftest import Pushed

TRIAL = ("--trial", "1")
LONG = os.urandom(2_000_000)  # goes in pieces of 64, 64, 128, ... KiB; takes longer than a signal


@pytest.fixture
def board(start_board):
    """A board without an application as yet."""
    return start_board()


@pytest.fixture
def app(app):
    """An application with a file that takes several pieces."""
    return app.write({"www/film": LONG})


def pieces_arrived(board, count):
    """Wait until the board has so many pieces of the long file."""
    end = 0
    for _ in range(count):
        end = board.wait_console("path=/next/www/film", start=end)


def assert_next_push_goes_on(push, app, board):
    """The next push sends only what is missing, and the board confirms it."""
    (found,) = push(app, board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found
    assert found["bytes"] < len(LONG) - 60_000
    assert len(found["place"]) == 5
    assert found["sent"] < 5
    assert_whole(board)


def assert_whole(board):
    """All of the version is in its place."""
    session = board.ftp()
    session.voidcmd("TYPE I")
    assert session.size("/www/film") == len(LONG)
    assert "next" not in session.nlst("/")


def test_a_push_that_is_killed_in_mid_file(push, begin_push, app, board):
    process = begin_push(app, board, *TRIAL)
    pieces_arrived(board, 1)
    process.kill()
    process.wait()
    assert_next_push_goes_on(push, app, board)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_it_says_how_the_board_is_left(push, begin_push, app, board, number):
    process = begin_push(app, board, *TRIAL, "--json")
    pieces_arrived(board, 1)
    process.send_signal(number)
    done = Pushed(process)
    assert done.status == 1, (done.boards, done.stderr)
    (found,) = done.boards
    assert found["result"] == "interrupted"
    assert "the board runs what it ran; what arrived lies under /next" in found["reason"]
    assert "Traceback" not in done.stderr
    assert board.resets == 0
    assert_next_push_goes_on(push, app, board)


def test_ctrl_c_in_the_trial_leaves_it_to_the_board(begin_push, app, board):
    process = begin_push(app, board, "--trial", "60", "--json")
    board.wait_console("update/applied")
    process.send_signal(signal.SIGINT)
    done = Pushed(process)
    assert done.status == 1, (done.boards, done.stderr)
    assert "confirms the update or rolls it back by itself" in done.boards[0]["reason"]


def power_cut(board):
    """Pull the plug of a board that has a piece of the long file."""
    pieces_arrived(board, 1)
    board.kill()


def test_a_board_whose_power_fails_is_reported_and_others_go_on(
    push, begin_push, app, board, start_board
):
    other = start_board()
    process = begin_push(app, board, other, *TRIAL, "--canary", 0, "--timeout", 15, "--json")
    power_cut(board)
    done = Pushed(process)
    assert done.status == 1, (done.boards, done.stderr)
    lost, well = done.boards
    assert lost["result"] == "failed"
    assert "what arrived lies under /next" in lost["reason"]
    assert well["result"] == "confirmed"
    board.start()
    board.wait_ready()
    assert_next_push_goes_on(push, app, board)


def test_a_board_that_comes_back_is_gone_on_with(begin_push, app, board):
    process = begin_push(app, board, *TRIAL, "--json")
    power_cut(board)
    board.start()
    board.wait_ready()
    done = Pushed(process)
    assert done.status == 0, done.boards
    (found,) = done.boards
    assert found["result"] == "confirmed"
    assert found["bytes"] < 2 * len(LONG)


def test_a_board_that_vanishes_after_apply_is_reported_and_confirmed_by_the_next(
    push, begin_push, app, board
):
    process = begin_push(app, board, *TRIAL, "--timeout", 2, "--json")
    board.wait_console("board/stop how=reset")
    board.kill()
    done = Pushed(process)
    assert done.status == 1, (done.boards, done.stderr)
    assert "not confirmed within 2 s" in done.boards[0]["reason"]
    board.start()
    board.wait_ready()
    (found,) = push(app, board, *TRIAL, "--json").boards
    assert found["result"] in ("confirmed", "unchanged")
    assert found["sent"] == 0
    assert_whole(board)
