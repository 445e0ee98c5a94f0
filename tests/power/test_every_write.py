"""The power fails at every flash write of a run: a boot, a STOR over a file, a rotating log.

The run is real, over FTP, and its flash writes are kept. What a cut in each of them leaves is then
mounted: every one of them, on the file system. Booted are some of them, spread over the upload and
the rotations; tests/fuzz/test_power_cut.py runs the sweep behind each cut of uploads of its own.
"""

import re
import shutil

import pytest
from outpost.sim.flash import Flash
from outpost.sim.journal import cuts, writes

OLD, NEW = b"the old one. " * 800, b"what is new! " * 1000
PLACE = "/data/file"
LOG = "/log/outpost.log"
MAX_BYTES, KEEP = 1024, 2
BOOTED = 8
LINE = re.compile(r"^(?:uptime=|\d{4}-)\S+ [A-Z]+ \S.*$")


class Run:
    """A board's run: the image before it, its writes, and what may be found behind a cut.

    confirmed: how many writes there were when the client had its 226. lines: all that the log was
    given, the board's first run included. kept: path -> content of the files that nothing changes.
    """

    def __init__(self, board, folder):
        self.board = board
        self.before = folder / "before.img"
        self.cut = folder / "cut.img"
        shutil.copy(board.flash, self.before)
        journal = folder / "journal"
        board.journal = str(journal)
        board.start()
        board.wait_ready()
        session = board.ftp()
        self.began = len(writes(journal))
        board.upload(session, PLACE, NEW)
        self.confirmed = len(writes(journal))
        for number in range(50):  # lines for the log, no two of them alike
            session.retrbinary("RETR " + PLACE, len, rest=number)
        session.quit()
        board.stop()
        board.journal = None
        self.writes = writes(journal)
        self.lines = [line for line in board.console.splitlines() if LINE.match(line)]
        with Flash(self.before) as flash:
            self.kept = {
                path: flash.read(path)
                for path in flash.paths()
                if not path.startswith(("/log/", "/boot.json", PLACE))
            }


@pytest.fixture(scope="module")
def run(start_one, tmp_path_factory):
    """The run that all tests look at."""
    board = start_one(config={"log": {"max_bytes": MAX_BYTES, "keep": KEEP}})
    session = board.ftp()
    session.mkd("/data")
    board.upload(session, PLACE, OLD)
    session.quit()
    board.stop()
    return Run(board, tmp_path_factory.mktemp("cuts"))


def told(flash, run, earliest):
    """Where in run.lines the log's files begin and end, and their bytes; AssertionError if they
    are not a piece of it without a gap. earliest: where to look from."""
    files = [flash.read(f"{LOG}.2"), flash.read(f"{LOG}.1"), flash.read(LOG)]
    size = sum(len(content or b"") for content in files)
    found = b"".join(content or b"" for content in files).decode().splitlines()
    for first in range(earliest, len(run.lines)):
        if run.lines[first : first + len(found)] == found:
            return first, first + len(found), size
    raise AssertionError(f"not a piece of the log: {found}")


def test_every_cut_leaves_whole_files(run):
    assert len(run.writes) > 100
    stored, first, last, rotations = [], 0, 0, 0
    for number in cuts(run.before, run.cut, run.writes):
        with Flash(run.cut) as flash:
            where = f"cut in write {number} of {len(run.writes)}"
            content = flash.read(PLACE)
            assert content in (OLD, NEW), where
            stored.append(content == NEW)
            assert number in range(1, run.confirmed + 1) or content == NEW, where
            for path, kept in run.kept.items():
                assert flash.read(path) == kept, f"{where}: {path}"
            others = set(flash.paths()) - set(run.kept) - {PLACE, LOG, f"{LOG}.1", f"{LOG}.2"}
            # What the next boot sweeps up, and the record that it writes anew.
            left = [path for path in others if not re.match(r".*/(\.upload-|boot\.json)", path)]
            assert not left, where
            was = first
            first, end, size = told(flash, run, first)
            rotations += first > was
            assert end >= last, f"{where}: lines of the log that were there have gone"
            assert size <= MAX_BYTES * (KEEP + 1), where
            last = max(last, end)
    assert stored == sorted(stored), "the old one came back"
    assert set(stored) == {True, False}
    assert rotations >= 3
    assert last == len(run.lines), "the log's last line is missing, with no cut at all"


def test_a_board_boots_behind_cuts_and_leaves_nothing_of_them(run, tmp_path):
    begins, ends = run.began, len(run.writes)
    asked = {begins + (ends - begins) * step // BOOTED for step in range(1, BOOTED)}
    asked |= {run.confirmed - 1, run.confirmed - 2}  # about the rename
    behind = 0
    for number in cuts(run.before, run.cut, run.writes):
        if number not in asked:
            continue
        image = tmp_path / f"{number}.img"
        shutil.copy(run.cut, image)
        with Flash(image) as flash:
            behind += any("/.upload-" in path for path in flash.paths())
        found = boot(run, image)
        assert found == NEW or (found == OLD and number <= run.confirmed)
        with Flash(image) as flash:
            left = [path for path in flash.paths() if "/.upload-" in path]
            assert not left, f"cut in write {number}"
            assert not flash.read("/boot.json.new")
            sizes = [len(flash.read(path)) for path in flash.paths() if path.startswith(LOG)]
            assert sum(sizes) <= MAX_BYTES * (KEEP + 1)
    assert behind, "no cut left an unfinished upload behind"


def boot(run, image):
    """Boot an image, fetch the file over FTP, wait for the sweep; return the file's content."""
    content = bytearray()
    board = run.board
    flash, board.flash = board.flash, image
    try:
        board.start()
        board.wait_ready()
        session = board.ftp()
        session.retrbinary("RETR " + PLACE, content.extend)
        for folder in ("/", "/data", "/log"):
            for _ in range(100):
                if not any("/.upload-" in f"/{name}" for name in session.nlst(folder)):
                    break
            else:
                raise AssertionError(f"not swept: {session.nlst(folder)}")
        session.quit()
        board.stop()
    finally:
        board.flash = flash
    return bytes(content)
