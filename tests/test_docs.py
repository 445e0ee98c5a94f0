"""The documents name what the code offers: no command, option or version of theirs is made up."""

import re
import tomllib
from pathlib import Path

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.command import sim

ROOT = Path(__file__).parent.parent

LIST_COMMANDS = """
from services.ftp.commands import verbs
print(" ".join(sorted(verbs())))
"""

LIST_OPTIONS = """
for name in ("app", "ftp", "log", "network", "telemetry", "time"):
    module = __import__("services.%s.options" % name, None, None, ("OPTIONS",))
    for option in module.OPTIONS:
        print("%s.%s" % (name, option))
"""


def test_every_command_stands_in_the_ftp_page(micropython):
    commands = micropython(LIST_COMMANDS).split()
    assert len(commands) > 40
    words = set(re.findall(r"[A-Z]{3,4}", (ROOT / "docs/ftp.md").read_text()))
    assert [verb for verb in commands if verb not in words] == []


def test_every_option_stands_in_the_configuration_page(micropython):
    options = micropython(LIST_OPTIONS).split()
    assert len(options) > 20
    page = (ROOT / "docs/configuration.md").read_text()
    assert [option for option in options if f"`{option}`" not in page] == []


def test_the_configuration_page_invents_no_option(micropython):
    options = {*micropython(LIST_OPTIONS).split(), "name", "watchdog", "app"}
    page = (ROOT / "docs/configuration.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)`", page, re.MULTILINE)
    assert rows
    assert [row for row in rows if row not in options] == []


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("main.py", r'VERSION = "([^"]+)"')],
)
def test_there_is_one_version(file, pattern):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(pattern, (ROOT / file).read_text()).group(1) == version


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_simulators_page_has_each_board_as_its_profile_has_it(board):
    page = (ROOT / "docs/simulator.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{board.name}` |"))
    heap = f"{board.heap // 1024} KiB" if board.heap < 1024**2 else f"{board.heap // 1024**2} MiB"
    assert f"| {heap} |" in row
    assert f"{board.blocks:,} blocks" in row
    assert f"| {board.sockets or 'as many as the host allows'} " in row
    assert f"| {'none: the unix port' if board.port == 'unix' else board.port}" in row


def test_the_simulators_page_has_every_option_of_the_command():
    page = (ROOT / "docs/simulator.md").read_text()
    options = [option for option in sim.params if not option.hidden]
    assert len(options) > 10
    assert [it.opts[0] for it in options if f"| `{it.opts[0]}" not in page] == []


def test_the_readmes_heap_is_that_of_the_benchmarks_page():
    rows = re.findall(
        r"^\| (?:at rest|smallest).*", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    page = (ROOT / "docs/benchmarks.md").read_text()
    rest, smallest = (
        re.search(rf"^\| {row} \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
        for row in ("at rest, above the bare interpreter", "1 MiB both ways and LIST of 500")
    )
    expected = [rest[:3], rest[3:6], smallest[:3], smallest[3:6]]  # a peer comes behind
    assert [row.strip("| ").split(" | ")[1:] for row in rows] == expected
