"""The pages' links lead somewhere; each example runs, or says why it can't."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from fixtures_sim import desk
from fixtures_time import Chronyd
from outpost.cli import main
from pages import PAGES, ROOT, anchors, blocks, links

BLOCKS = blocks()
SHELL = [block for block in BLOCKS if block.commands]
RUN = [block for block in SHELL if not block.not_run]
# A push takes a minute and restarts the board that the other examples share: tests/push has that.
PUSH = re.compile(r"^outpost push ", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    lost = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path) if path else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            lost.append(target)
    assert lost == []


def known_options(words):
    """The options of the command that these words of a command line name."""
    command, options = main, set()
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.commands[word]
    for option in command.params:
        options |= {*option.opts, *option.secondary_opts}
    return options | {"--help"}


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_command_and_option_exists(block):
    for line in block.commands:
        words = shlex.split(line, comments=True)
        words = [word.strip("[]") for word in itertools.takewhile(lambda it: it != "|", words)]
        if words and words[0].endswith("outpost"):
            known = known_options(words[1:])
            assert [it for it in words if it.startswith("--") and it not in known] == []


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A board that is well, as the pages' boards are: its clock is set."""
    server = Chronyd(tmp_path_factory.mktemp("chronyd"))
    server.start()
    try:
        with desk(tmp_path_factory.mktemp("board")) as start:
            board = start(config={"time": {"servers": [server.address]}})
            board.wait_console("time/sync")
            yield board
    finally:
        server.stop()


@pytest.fixture(scope="module")
def field(board, tmp_path_factory):
    """The pages' files and folders. Each board in them is the one board."""
    folder = tmp_path_factory.mktemp("field")
    (folder / "field.txt").write_text(f"ftp://127.0.0.1:{board.ftp_port}/  weather-7\n")
    (folder / "data.csv").write_text("1,21.5\n")
    (folder / "weather").mkdir()
    (folder / "weather" / "app.py").write_text("async def run(status, events):\n    pass\n")
    (folder / "outpost").symlink_to(ROOT)
    received = []
    board.ftp().retrbinary("RETR /config.json", received.append)
    (folder / "field.json").write_bytes(b"".join(received))
    return folder


@pytest.mark.parametrize("block", RUN, ids=str)
def test_every_command_block_runs(block, field, board):
    """Run it at the board's real address; `make` and `outpost push` only say what they'd do."""
    text = PUSH.sub("outpost push --dry-run ", block.text)
    text = re.sub(r"^make ", f"make -n -C {ROOT} ", text, flags=re.MULTILINE)
    text = re.sub(r"ftp://((?:\w+@)?)(?:weather-7|127\.0\.0\.1:2121)\b",
                  rf"ftp://\g<1>127.0.0.1:{board.ftp_port}", text)  # fmt: skip
    text = text.replace("-u admin ", f"-u admin:{board.password} ")
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        cwd=ROOT if "pytest" in text else field, capture_output=True, text=True, timeout=100,
        env=os.environ | {
            "HOME": str(field), "OUTPOST_PASSWORD": board.password,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def as_objects(text):
    """What an example in JSON holds: an object, members of one, or one such on each line."""
    for parts in ([text], ["{" + text + "}"], ["{" + it + "}" for it in text.splitlines()]):
        try:
            return [json.loads(part) for part in parts]
        except ValueError:
            continue
    raise AssertionError(f"not JSON: {text}")


@pytest.mark.parametrize(
    "block",
    [it for it in BLOCKS if it.language == "json" or it.text.startswith('{"name"')],
    ids=str,
)
def test_every_configuration_passes_the_boards_rules(block, outpost, tmp_path):
    for content in as_objects(block.text):
        path = tmp_path / "config.json"
        users = {"users": {"admin": {"password": "secret", "role": "admin"}}}
        path.write_text(json.dumps({"ftp": users} | content))  # examples of a section have none
        done = outpost("config", "check", str(path))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", [it for it in BLOCKS if it.language == "python"], ids=str)
def test_every_python_example_compiles(block):
    compile(block.text, str(block), "exec")


def test_pages_have_examples_of_each_kind():
    assert len(RUN) > 10
    assert len(SHELL) > len(RUN)
