"""A board's tracebacks in the words of the source: outpost explain, outpost sim."""

import subprocess
import sys
from pathlib import Path

from outpost import bundle
from outpost.bundle.trace import Trace

TREE = bundle.tree_root()


def line_of(path, text):
    """The number of the first line of a source file that has the text."""
    lines = (TREE / path).read_text().split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def joined(place, source, line):
    """The line of a bundle's module that comes from a source file's line."""
    one = next(one for one in bundle.merged(TREE) if one.place == place)
    return one.lines.index((source, line)) + 1


def test_file_line_and_function_are_those_of_the_source():
    line = line_of("services/ftp/data.py", "raise FTPError(")
    there = joined("/services/ftp/server.py", "/services/ftp/data.py", line)
    told = Trace(TREE).explained(f'  File "services/ftp/server.py", line {there}, in exec\n')
    assert told.startswith(f'  File "services/ftp/data.py", line {line}, in ')
    assert "exec" not in told


def test_what_is_not_of_the_bundle_stays():
    text = (
        'Traceback (most recent call last):\n  File "app.py", line 3, in run\n'
        '  File "services/ftp/server.py", line 99999, in run\n'
        "uptime=3s WARNING task/crash\nOSError: [Errno 5] EIO\n"
    )
    assert Trace(TREE).explained(text) == text


def test_text_that_comes_in_pieces_is_put_together():
    line = line_of("services/ftp/data.py", "raise FTPError(")
    there = joined("/services/ftp/server.py", "/services/ftp/data.py", line)
    text = f'one\n  File "services/ftp/server.py", line {there}, in exec\n>>> '
    whole = Trace(TREE).explained(text)
    for size in (1, 3, 7, 20):
        said = []
        hear = Trace(TREE).stream(said.append)
        for at in range(0, len(text), size):
            hear(text[at : at + size])
        assert "".join(said) == whole


def test_the_command_reads_a_file_or_what_comes_in(tmp_path):
    line = line_of("supervisor.py", "async def _keep")
    there = joined("/supervisor.py", "/supervisor.py", line)
    text = f'  File "supervisor.py", line {there}, in x\n'
    (tmp_path / "console.txt").write_text(text)
    command = [Path(sys.executable).with_name("outpost"), "explain"]
    by_file = subprocess.run([*command, tmp_path / "console.txt"], capture_output=True, text=True)
    by_pipe = subprocess.run(command, input=text, capture_output=True, text=True)
    assert by_file.stdout == by_pipe.stdout == f'  File "supervisor.py", line {line}, in _keep\n'
