"""The journal of a flash: it holds every write, and makes what a cut in each of them leaves."""

import shutil

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.desk import Board
from outpost.sim.flash import Flash
from outpost.sim.journal import cuts, writes
from outpost.sim.prepare import prepare

ESP32 = BOARDS["esp32"]  # deepsleep() ends it; of a Pico W it is a reset
WRITER = """
    import machine, os
    for n in range(30):
        with open("new", "w") as file:
            file.write("content %d " % n * 40)
        os.rename("new", "file")
    machine.deepsleep()
"""


@pytest.fixture
def kept(tree, tmp_path):
    """(image before a run, image after it, its programs and erases, the run's journal)."""
    image, before = tmp_path / "flash.img", tmp_path / "before.img"
    prepare(image, tree(WRITER), board=ESP32)
    shutil.copy(image, before)
    with Board(image, profile=ESP32, journal=tmp_path / "journal") as board:
        assert board.wait_end(20) == "asleep", board.console
    return before, image, board.programs + board.erases, writes(tmp_path / "journal")


def test_it_holds_every_program_and_every_erase(kept):
    _, _, count, journal = kept
    assert len(journal) == count > 100
    assert {data and len(data) for _, data in journal} >= {None, ESP32.program}


def test_the_cuts_leave_one_content_after_the_other_and_end_in_the_very_image(kept, tmp_path):
    before, image, _, journal = kept
    after = tmp_path / "after.img"
    numbers, found = [], []
    for number in cuts(before, after, journal):
        numbers.append(number)
        with Flash(after) as flash:
            content = flash.read("/file")
        if content not in found[-1:]:
            found.append(content)
    assert numbers == [*range(1, len(journal) + 1), 0]
    assert found == [None, *(b"content %d " % n * 40 for n in range(30))]
    assert after.read_bytes() == image.read_bytes()
