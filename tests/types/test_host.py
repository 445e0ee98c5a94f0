"""`make lint` checks the types of host code: what isn't strict yet is known, and only shrinks."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Folders and modules of host/outpost whose code isn't annotated throughout; none may be added.
LOOSE = set()


def test_what_is_not_known_to_be_loose_is_strict():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    strict = {Path(path).relative_to("host/outpost").as_posix() for path in settings["strict"]}
    parts = {
        path.name
        for path in (ROOT / "host/outpost").iterdir()
        if path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py")))
    }
    assert strict & LOOSE == set()
    assert parts - LOOSE == strict
