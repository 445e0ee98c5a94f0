"""Fixture `whole_tree`: a copy of Outpost's own device tree; fill() makes smaller ones."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEVICE_CODE = ("*.py", "hal/**/*.py", "services/**/*.py", "tests/standins/**/*.py")


@pytest.fixture
def whole_tree(tmp_path):
    """A copy of Outpost's own device tree, which nobody edits meanwhile."""
    copy = tmp_path / "outpost"
    paths = [path for pattern in DEVICE_CODE for path in ROOT.glob(pattern)]
    fill(copy, {path.relative_to(ROOT): path.read_text() for path in paths})
    fetched = ROOT / "build" / "lib"
    if fetched.is_dir():  # the packages that the boards of the tests have
        shutil.copytree(fetched, copy / "build" / "lib")
    return copy


def fill(folder, files):
    """Write files, path -> text, into a new folder that shares the cache of compiled files."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    compiled = ROOT / "build" / "mpy"
    compiled.mkdir(parents=True, exist_ok=True)
    (folder / "build").mkdir()
    (folder / "build" / "mpy").symlink_to(compiled)
    return folder
