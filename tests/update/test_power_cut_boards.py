"""Power cuts in an update of whole boards: they come up, FTP answers, and one version is whole.

Where in an update the power fails is sampled here, evenly over all its writes; test_power_cut.py
goes through every one of them. Several boards run at the same time.
"""

import concurrent.futures
import contextlib
import ftplib
import time

import pytest
from fixtures_sim import desk
from outpost.sim.desk import BoardFailed
from outpost.sim.flash import Flash
from update.conftest import Updater, content_of

SAMPLES = 6  # of each part of an update
AT_ONCE = 6
OLD = {"/old.py": b"old = 1\n" * 90, "/old2.py": b"old = 2\n", "/gone/one.py": b"old = 3\n"}
NEW = {"/old.py": b"new = 1\n" * 99, "/old2.mpy": b"M\x06\x00\x1f", "/made/one.py": b"new = 3\n"}
REMOVE = ("/old2.py", "/gone/one.py")


def version_of(image):
    """Which version an image holds, and what of an update lies there beside it."""
    files = content_of(image)
    mine = {path: files[path] for path in files if path in OLD | NEW}
    left = {path for path in files if path.startswith(("/next", "/prev"))}
    which = "old" if mine == OLD else "new" if mine == NEW else f"neither: {sorted(mine)}"
    return which, left


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """How the flash looks before APPLY, after it, and before the way back: name -> bytes."""
    with desk(tmp_path_factory.mktemp("images")) as start:
        board = start()
        board.allow_traceback = True  # Ctrl-C, wherever it comes
        updater = Updater(board)
        for path, content in OLD.items():
            updater.put(path, content)
        updater.stage(NEW, REMOVE, trial_s=1)
        updater.session.close()
        board.stop()
        found = {"staged": board.flash.read_bytes()}

        def take(name):
            # The reset that was asked for is on its way: it is the end instead.
            board.stop()
            found[name] = board.flash.read_bytes()

        board.start()
        board.wait_ready()
        updater = Updater(board)
        updater.apply()
        take("applied")
        board.flash.write_bytes(found["staged"])
        board.start()
        board.wait_ready()
        updater = Updater(board)
        updater.stage(NEW, REMOVE, trial_s=600)
        updater.apply()
        updater.wait_for("trial")
        updater.site("ROLLBACK")
        take("undoing")
        yield found


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Boards that run at the same time: (act(board), images) -> results, in order."""
    with desk(tmp_path_factory.mktemp("pool")) as start:
        boards = [start(wait=False) for _ in range(AT_ONCE)]
        for board in boards:
            board.allow_traceback = True
            board.kill()

        def each(act, jobs):
            free = list(boards)
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:

                def one(job):
                    board = free.pop()
                    try:
                        return act(board, job)
                    finally:
                        board.sessions.close()
                        board.kill()
                        board.cut_at_write = 0
                        free.append(board)

                return list(threads.map(one, jobs))

        yield each


def load(board, image):
    """Put an image onto a board, which keeps its own ports."""
    with Flash(board.flash) as flash:
        config = flash.read("/config.json")
    board.flash.write_bytes(image)
    with Flash(board.flash) as flash:
        flash.write("/config.json", config)
        flash.remove("/config.last")


def writes_of(board, image, act):
    """How many writes a life makes that begins with an image, and does act(board)."""
    load(board, image)
    board.start()
    board.wait_ready()
    act(board)
    board.stop()
    return board.programs + board.erases


def spread(total):
    """Writes, counted from 1, evenly over all."""
    return sorted({1 + (total - 1) * number // (SAMPLES - 1) for number in range(SAMPLES)})


def cut_and_come_back(image, act):
    """A job: cut at a write, then boot, wait until the update has come to its end, look."""

    def job(board, cut_at):
        load(board, image)
        board.cut_at_write = cut_at
        board.start()
        with contextlib.suppress(BoardFailed, OSError, EOFError, ftplib.Error, AssertionError):
            board.wait_ready()
            act(board)
            board.stop()  # which writes, too
        was_cut = board.state == "cut"
        board.kill()
        board.cut_at_write = 0
        board.start()
        board.wait_ready(60)
        updater = Updater(board)
        status = updater.wait_for("idle", "staged", "confirmed", "rolled-back")
        deadline = time.monotonic() + 20
        while "prev" in updater.names():  # it is swept in turns with FTP
            assert time.monotonic() < deadline, "what is over is not swept away"
        updater.session.close()
        board.stop()
        return was_cut, status["state"], *version_of(board.flash)

    return job


def wait_until(state):
    """An act that is over when the board says so, or when it has no power any more."""

    def act(board):
        deadline = time.monotonic() + 20
        updater = Updater(board)
        while board.state == "running" and updater.status().get("state") != state:
            assert time.monotonic() < deadline, board.console[-2000:]
            time.sleep(0.1)

    return act


def apply(board):
    """An act that hands the staged version over, and is over when the board has reset."""
    Updater(board).apply()
    place = len(board.console)
    board.wait_console("board/boot", start=place)


PARTS = {
    "applied": (wait_until("confirmed"), {("confirmed", "new")}),
    "undoing": (wait_until("rolled-back"), {("rolled-back", "old")}),
    "staged": (apply, {("staged", "old"), ("confirmed", "new")}),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", PARTS)
def test_a_board_comes_up_with_one_whole_version(images, pool, part):
    act, allowed = PARTS[part]
    (total,) = pool(lambda board, job: writes_of(board, images[part], act), [None])

    outcomes = pool(cut_and_come_back(images[part], act), spread(total))

    # What is written last depends on the time: a life may end before its last writes are due.
    assert sum(was_cut for was_cut, *_ in outcomes) >= SAMPLES - 2
    for _, state, which, left in outcomes:
        assert (state, which) in allowed
        assert not left or state == "staged"
