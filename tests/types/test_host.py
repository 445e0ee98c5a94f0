"""`make lint` checks the types of host code strictly: all of it, and no file lets itself off."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a file may say to the checker: what it overlooks on one line, by the rule's name.
IGNORED = re.compile(r"pyright: ignore\[\w+(, \w+)*\]$")


def test_all_host_code_is_checked_strictly():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    assert settings["strict"] == ["host/outpost"]
    assert settings["exclude"] == ["host/outpost/sim/board"]  # MicroPython runs it


def test_a_line_that_is_not_checked_names_the_rule():
    said = [
        f"{path}: {line.strip()}"
        for path in sorted((ROOT / "host/outpost").rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"#.*(pyright:|type: ?ignore)", line) and not IGNORED.search(line)
    ]
    assert said == []
