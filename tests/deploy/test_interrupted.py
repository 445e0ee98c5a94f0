"""A deployment that is cut off leaves files old or new, all whole, and the next one ends it."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

LAST = ("/boot.py", "/main.py")


@pytest.fixture
def old(board, deploy, tree, bundled):
    """The board has the tree as source; then each file of the tree changes. -> the old files."""
    deploy("--source", "--no-reset")
    before = bundled(source=True)
    for path in (path for path in tree.rglob("*.py") if "standins" not in path.parts):
        with path.open("a") as file:
            file.write(f"\nVERSION = 2  # of {path.name}\n")
    board.power_off()
    return before


@pytest.fixture
def begun(board, command, old):
    """A deployment that copies the largest file right now, slowly; leads a process group."""
    board.power_on()
    board.delay_s = 0.02
    before = len(board.typed)
    process = subprocess.Popen(
        command("--source", "--no-reset"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # Five pieces of the file have been written by mpremote's `w(b"...")`; there are 27.
    board.wait(
        lambda: board.typed[before:].partition(b"tree.py.new','wb'")[2].count(b"w(b") > 5,
        "copying the largest file",
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("powered", [True, False], ids=["board stays on", "power fails too"])
def test_killed_while_it_copies(board, begun, deploy, old, bundled, powered):
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    board.delay_s = 0
    if not powered:
        board.power_off()
        found = board.files()
        assert {path: found.get(path) for path in old} == old
        assert any(path.endswith(".new") for path in found)
        board.power_on()
    new = bundled(source=True)
    said = deploy("--source", "--no-reset")
    # The file that mpremote left open, were it closed later, would damage its second copy.
    assert "damaged" not in said
    copied = int(re.search(r"copying 1/(\d+)", said)[1])
    assert 0 < copied < len(new), "what had arrived was copied again"
    board.power_off()
    assert board.files() == new


def test_a_lost_connection_is_taken_up_again(board, begun, bundled):
    board.delay_s = 0
    (mpremote,) = Path(f"/proc/{begun.pid}/task/{begun.pid}/children").read_text().split()
    os.kill(int(mpremote), signal.SIGKILL)
    said = begun.stdout.read()
    assert begun.wait() == 0, said
    assert "trying again" in said
    board.power_off()
    assert board.files() == bundled(source=True)


def test_the_power_fails_at_any_write(board, deploy, old, bundled, tmp_path):
    new = bundled(source=True)
    start = shutil.copy(board.image, tmp_path / "start.img")
    board.power_on()
    deploy("--source", "--config", write(tmp_path / "config.json", "{}"))
    board.wait(lambda: board.resets == 1, "restarted")
    board.power_off()
    expected = board.files()
    assert expected == new | {"/config.json": b"{}"}
    total = board.writes
    assert total > 50
    # Half of the writes put the files in place, which is where it matters most.
    cuts = (total // 4, *range(total // 2, total, 9), total - 1)
    for number, cut_at in enumerate(cuts, 1):
        shutil.copy(start, board.image)
        board.power_on(cut_at)
        said = deploy("--source", "--config", tmp_path / "config.json")
        assert "trying again" in said
        board.power_off()
        assert board.cuts == number
        left = board.files(board.image_at_cut)
        for path in new:
            assert left[path] in (old[path], new[path]), f"{path} after write {cut_at}"
        if any(left[path] != old[path] for path in LAST):
            assert all(left[path] == new[path] for path in new if path not in LAST)
        assert board.files() == expected


def write(path, text):
    """Write a file and return its path."""
    path.write_text(text)
    return path
