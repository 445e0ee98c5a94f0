"""A flash without room for two Outposts: push makes room by a small one first."""

import io

import pytest
from outpost import bundle
from outpost.push import content as contents
from outpost.push.content import ContentError
from outpost.push.small import small
from outpost.sim.boards import BOARDS

TREE = bundle.tree_root()
TRIAL = ("--trial", "2")
PICO_W = BOARDS["pico-w"]
DEVICE_FILES = bundle.device_files


def plain_files(tree, **options):
    """Outpost as it was on boards before there were bundles: each module compiled by itself."""
    found = []
    for file in DEVICE_FILES(tree, source=True):
        if file.path.endswith(".py") and file.path.lstrip("/") not in bundle.SOURCE_ONLY:
            name = file.path.lstrip("/")
            compiled = bundle.compiled(file.content, name, TREE / "build" / "mpy")
            file = bundle.DeviceFile(f"{file.path[:-3]}.mpy", compiled)
        found.append(file)
    return found


def names(session, folder=""):
    """Every file of the board but those that it writes itself."""
    found = set()
    for name, facts in session.mlsd(folder or "/"):
        path = f"{folder}/{name}"
        if facts["type"] == "dir":
            found |= names(session, path) if name not in ("log",) else set()
        elif name not in ("boot.json", "config.json", "config.last"):
            found.add(path)
    return found


@pytest.fixture
def old_board(start_board, monkeypatch):
    """A Pico W, its flash filled by the old form of Outpost."""
    with monkeypatch.context() as patch:
        patch.setattr("outpost.sim.prepare.bundle.device_files", plain_files)
        return start_board(profile=PICO_W)


@pytest.mark.timeout(300)
def test_the_old_form_becomes_the_bundle_and_goes_back(push, old_board, tmp_path):
    done = push(TREE, old_board, *TRIAL, "--json")
    (found,) = done.boards
    assert found["result"] == "confirmed", found
    assert any("in two steps" in note for note in found["notes"])
    session = old_board.ftp()
    assert names(session) == {file.path for file in bundle.device_files(TREE)}
