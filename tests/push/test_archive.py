"""Boards with Outpost in many files get it in one, by push, and go back the same way."""

import ftplib
import shutil
import time

import pytest
from outpost import bundle
from outpost.bundle import DeviceFile
from outpost.push import bridge
from outpost.sim.boards import BOARDS

TREE = bundle.tree_root()
TRIAL = ("--trial", "2")
PICO_W = BOARDS["pico-w"]
DEVICE_FILES = bundle.device_files
BUNDLED = {file.path for file in DEVICE_FILES(TREE)}
READERS = ("/archive.",)
# What is not needed here, so that it is no more blocks than Outpost took then.
NOT_THEN = (
    *(*READERS, "/hal/access_point.", "/hal/dns.", "/hal/ip6.", "/hal/texts."),
    *("/lifecommands.", "/proven.", "/trial.", "/services/app/", "/services/ftp/tls."),
    *("/services/network/fallback.", "/services/network/first.", "/services/telemetry/"),
)
PACKAGES = {"/lib/logging.mpy", "/lib/ntptime.mpy", "/lib/umqtt/simple.mpy"}


def old_boot(file):
    """boot.py as it was before there were archives; other files as they are."""
    if file.path != "/boot.py":
        return file
    text = file.content.decode()
    assert "trouble = mount()" in text
    return DeviceFile(file.path, text.replace("trouble = mount()", "trouble = None").encode())


def many_files(tree, **options):
    """Outpost as it was when each module of the bundle was a file."""
    return [old_boot(file) for file in bundle.modules(tree) if not file.path.startswith(READERS)]


def plain_files(tree, **options):
    """Outpost as it was before there were bundles: each module compiled by itself."""
    found = []
    for file in DEVICE_FILES(tree, source=True):
        if file.path.startswith(NOT_THEN):
            continue
        if file.path.endswith(".py") and file.path.lstrip("/") not in bundle.SOURCE_ONLY:
            name = file.path.lstrip("/")
            compiled = bundle.compiled(file.content, name, TREE / "build" / "mpy")
            file = DeviceFile(f"{file.path[:-3]}.mpy", compiled)
        found.append(old_boot(file))
    return found


def names(session, folder=""):
    """The paths of all files of a board but those that it writes itself."""
    found = set()
    for name, facts in session.mlsd(folder or "/"):
        path = f"{folder}/{name}"
        if path in ("/prev", "/next"):
            found.add(f"{path}/")  # on its way out
        elif facts["type"] == "dir":
            found |= names(session, path) if path != "/log" else set()
        elif path not in ("/boot.json", "/config.json", "/config.last", "/config.ready"):
            found.add(path)
    session.cwd("/")
    return found


@pytest.fixture
def start_old(start_board, monkeypatch):
    """A callable (form) -> a Pico W that runs Outpost in that form."""

    def start(form):
        with monkeypatch.context() as patch:
            patch.setattr("outpost.sim.prepare.bundle.device_files", form)
            return start_board(profile=PICO_W)

    return start


def settled(board):
    """names() once the board has cleared away what was before its update."""
    session = board.ftp()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            found = names(session)
        except ftplib.error_perm:  # a folder went while it was looked into
            continue
        if not any(path.startswith(("/prev/", "/next/")) for path in found):
            break
        time.sleep(0.2)
    session.close()
    return found


def bundle_of(board):
    """The id of the bundle that runs there, `source` where it is none."""
    session = board.ftp()
    (line,) = [line for line in session.sendcmd("STAT").splitlines() if "bundle" in line]
    session.close()
    return line.split("bundle ")[1].split()[0].rstrip(",)")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", [many_files, plain_files], ids=["bundle", "before bundles"])
def test_many_files_become_the_archive_and_come_back(push, start_old, form):
    board = start_old(form)
    session = board.ftp()
    before = names(session)
    assert len(before) > 80
    session.close()

    (found,) = push(TREE, board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    there = settled(board)
    # Its boot.py knows no archive, and is left as it is.
    assert there - PACKAGES == BUNDLED | {bridge.PATH}
    assert bundle_of(board) == bundle.bundle_id(bundle.merged(TREE))
    assert "boot: " not in board.console

    (found,) = push(TREE, board, *TRIAL, "--json").boards
    assert found["result"] == "unchanged", "the bridge stays"

    (found,) = push(TREE, board, *TRIAL, "--include-boot", "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert "/boot.py" in found["place"]
    assert found["remove"] == []
    (found,) = push(TREE, board, *TRIAL, "--include-boot", "--json").boards
    assert found["result"] == "unchanged", "what is spare is no reason to restart"
    assert bundle_of(board) == bundle.bundle_id(bundle.merged(TREE))


@pytest.mark.timeout(120)
def test_the_archive_gives_way_to_source_and_comes_back(push, start_board):
    board = start_board()
    (found,) = push(TREE, board, *TRIAL, "--source", "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert set(found["remove"]) == {bundle.ARCHIVE, "/archive.mpy"}
    assert bundle_of(board) == "source"

    (found,) = push(TREE, board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert settled(board) == BUNDLED


@pytest.mark.timeout(120)
def test_an_archive_that_fails_its_trial_gives_way_to_the_many_files(push, start_old, tmp_path):
    board = start_old(many_files)
    board.allow_traceback = True
    before = bundle_of(board)
    session = board.ftp()
    there = names(session)
    session.close()
    tree = changed(tmp_path, "1 // 0")

    (found,) = push(tree, board, *TRIAL, "--json").boards
    assert found["result"] == "rolled-back", found
    assert settled(board) == there
    assert bundle_of(board) == before


def changed(folder, line):
    """A copy of the device tree with a line more in its daemon."""
    for name in (*bundle.FOLDERS, "tests/standins", "build/lib"):
        if (TREE / name).exists():
            shutil.copytree(TREE / name, folder / name, ignore=shutil.ignore_patterns("__pyc*"))
    for path in TREE.glob("*.py"):
        shutil.copy(path, folder)
    with (folder / "daemon.py").open("a") as file:
        file.write(f"\n{line}\n")
    return folder


@pytest.mark.timeout(120)
def test_room_for_an_update_beside_400_kib_of_the_users(push, start_board, tmp_path):
    board = start_board(profile=PICO_W)
    session = board.ftp()
    board.upload(session, "/data", bytes(400 * 1024))
    session.close()
    (found,) = push(changed(tmp_path, "_more = 1"), board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert found["place"] == [bundle.ARCHIVE]
