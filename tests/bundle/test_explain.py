"""A board's tracebacks in the words of the source: outpost explain, outpost sim."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outpost import bundle
from outpost.bundle import maps
from outpost.bundle.trace import Trace, explained

TREE = bundle.tree_root()
OUTPOST = Path(sys.executable).with_name("outpost")


@pytest.fixture(scope="module")
def trace():
    """The way back for this tree's bundle."""
    return Trace(maps.of_tree(TREE))


def line_of(path, text):
    """The number of the first line of a source file that has the text."""
    lines = (TREE / path).read_text().split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def joined(place, source, line):
    """The line of a bundle's module that comes from a source file's line."""
    one = next(one for one in bundle.merged(TREE) if one.place == place)
    return one.lines.index((source, line)) + 1


def test_file_line_and_function_are_those_of_the_source(trace):
    line = line_of("services/ftp/data/connection.py", "raise FTPError(")
    there = joined("/services_ftp_server.py", "/services/ftp/data/connection.py", line)
    told = trace.explained(f'  File "services_ftp_server", line {there}, in exec\n')
    assert told.startswith(f'  File "services/ftp/data/connection.py", line {line}, in ')
    assert "exec" not in told


def test_what_is_not_of_the_bundle_stays(trace):
    text = (
        'Traceback (most recent call last):\n  File "app.py", line 3, in run\n'
        '  File "services_ftp_server", line 99999, in run\n'
        "uptime=3s WARNING task/crash\nOSError: [Errno 5] EIO\n"
    )
    assert trace.explained(text) == text


def test_text_that_comes_in_pieces_is_put_together(trace):
    line = line_of("services/ftp/data/connection.py", "raise FTPError(")
    there = joined("/services_ftp_server.py", "/services/ftp/data/connection.py", line)
    text = f'one\n  File "services_ftp_server", line {there}, in exec\nValueError: text 0: 3\n>>> '
    whole = trace.explained(text)
    assert "text 0 (" in whole
    for size in (1, 3, 7, 20):
        said = []
        hear = trace.stream(said.append)
        for at in range(0, len(text), size):
            hear(text[at : at + size])
        assert "".join(said) == whole


def test_the_command_reads_a_file_or_what_comes_in(tmp_path):
    line = line_of("supervisor.py", "async def _keep")
    there = joined("/daemon.py", "/supervisor.py", line)
    text = f'  File "daemon", line {there}, in x\n'
    (tmp_path / "console.txt").write_text(text)
    command = [OUTPOST, "explain"]
    by_file = subprocess.run([*command, tmp_path / "console.txt"], capture_output=True, text=True)
    by_pipe = subprocess.run(command, input=text, capture_output=True, text=True)
    assert by_file.stdout == by_pipe.stdout == f'  File "supervisor.py", line {line}, in _keep\n'


def test_the_place_in_stat_and_mqtt(trace):
    line = line_of("services/ftp/data/connection.py", "raise FTPError(")
    there = joined("/services_ftp_server.py", "/services/ftp/data/connection.py", line)
    text = f"last crash 2026-11-26T12:00:00Z OSError: 5 at services_ftp_server:{there}"
    assert trace.explained(text).endswith(f"OSError: 5 at services/ftp/data/connection.py:{line}")


class TestOfWhichBundle:
    """A board may run another bundle than the source here makes."""

    @pytest.fixture
    def tree(self, tmp_path):
        """A copy of the source, whose bundle's map was kept before a line was put in front."""
        for path, place in bundle._own(TREE):
            copy = tmp_path / place.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        maps.keep(tmp_path)
        changed = tmp_path / "supervisor.py"
        changed.write_text("# one more\n" + changed.read_text())
        return tmp_path

    def test_stat_tells_its_id(self, shared_board):
        told = shared_board.stat(shared_board.ftp())
        assert f"bundle {maps.of_tree(TREE).bundle}" in told

    def test_each_change_makes_another_id(self, tree):
        assert maps.of_tree(tree).bundle != maps.of_tree(TREE).bundle

    @pytest.mark.parametrize("told", ["by the text", "by an option", "by its map"])
    def test_the_map_is_that_of_the_very_bundle(self, tree, told):
        own = maps.of_tree(TREE)
        line = line_of("supervisor.py", "async def _keep")
        there = joined("/daemon.py", "/supervisor.py", line)
        text = f'  File "daemon", line {there}, in x\n'
        options = {
            "by the text": (),
            "by an option": ("--bundle", own.bundle),
            "by its map": ("--map", tree / "build" / "maps" / f"{own.bundle}.json"),
        }[told]
        if told == "by the text":
            text = f"211-board      boots 3, bundle {own.bundle},\n" + text
        done = subprocess.run(
            [OUTPOST, "explain", "--tree", tree, *options],
            input=text,
            capture_output=True,
            text=True,
        )
        assert done.stdout.endswith(f'  File "supervisor.py", line {line}, in _keep\n'), done

    def test_one_without_a_map_is_told_and_not_guessed(self):
        done = subprocess.run(
            [OUTPOST, "explain"], input="bundle 00000000\n", capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "00000000.json is not there" in done.stderr
        text = "at supervisor.py:3"
        assert explained(text, "00000000", TREE) == explained(text, None, TREE) == text

    def test_a_file_that_is_no_map(self, tmp_path):
        (tmp_path / "map.json").write_text('{"bundle": "1"}')
        with pytest.raises(maps.NoMap, match="is no map of a bundle"):
            maps.read(tmp_path / "map.json")

    def test_what_is_written_is_what_is_read(self, tmp_path):
        own = maps.of_tree(TREE)
        (tmp_path / "map.json").write_text(maps.text(own))
        again = maps.read(tmp_path / "map.json")
        text = f'File "daemon", line {len(again.lines["/daemon.py"]) // 2}, in x'
        assert Trace(again).explained(text) == Trace(own).explained(text)
        assert dataclasses.asdict(again)["bundle"] == own.bundle
