"""A flash without room for two Outposts: push makes room by a small one first."""

import time

import pytest
from outpost import bundle
from outpost.bundle import DeviceFile
from outpost.push import content as contents
from outpost.push.content import ContentError
from outpost.push.small import is_spare, small
from outpost.sim.boards import BOARDS

TREE = bundle.tree_root()
TRIAL = ("--trial", "2")
PICO_W = BOARDS["pico-w"]
DEVICE_FILES = bundle.device_files


# What is not needed here, so that it is no more blocks than Outpost took then.
NOT_THEN = ("/hal/dns.", "/hal/ip6.", "/services/app/", "/services/ftp/tls.")


def plain_files(tree, **options):
    """Outpost as it was on boards before there were bundles: each module compiled by itself."""
    found = []
    for file in DEVICE_FILES(tree, source=True):
        if file.path.startswith(NOT_THEN):
            continue
        if file.path.endswith(".py") and file.path.lstrip("/") not in bundle.SOURCE_ONLY:
            name = file.path.lstrip("/")
            compiled = bundle.compiled(file.content, name, TREE / "build" / "mpy")
            file = DeviceFile(f"{file.path[:-3]}.mpy", compiled)
        found.append(file)
    return found


def names(session, folder=""):
    """The paths of all files of a board but those that it writes itself."""
    found = set()
    for name, facts in session.mlsd(folder or "/"):
        path = f"{folder}/{name}"
        if facts["type"] == "dir":
            found |= names(session, path) if path != "/log" else set()
        elif path not in ("/boot.json", "/config.json", "/config.last", "/config.ready"):
            found.add(path)
    return found


@pytest.fixture
def old_board(start_board, monkeypatch):
    """A Pico W, its flash filled by the old form of Outpost."""
    with monkeypatch.context() as patch:
        patch.setattr("outpost.sim.prepare.bundle.device_files", plain_files)
        return start_board(profile=PICO_W)


@pytest.mark.timeout(300)
def test_the_old_form_becomes_the_bundle(push, old_board):
    whole = {file.path for file in bundle.device_files(TREE)}
    session = old_board.ftp()
    before = names(session)
    assert len(before) > 100
    session.close()

    (planned,) = push(TREE, old_board, "--dry-run", "--json").boards
    assert planned["result"] == "planned"
    assert any("in several steps" in note for note in planned["notes"])
    assert any("of flash are needed" in note for note in planned["notes"])

    (found,) = push(TREE, old_board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert any("in several steps" in note for note in found["notes"])
    session = old_board.ftp()
    assert names(session) == whole | {"/lib/umqtt/simple.mpy"}
    assert "network" in session.sendcmd("STAT")
    session.close()


@pytest.mark.timeout(300)
def test_a_power_cut_between_the_steps_is_gone_on_from(begin_push, push, old_board):
    process = begin_push(TREE, old_board, *TRIAL, "--json")
    deadline = time.monotonic() + 60
    while not old_board.resets:  # after it the small one runs, on its trial
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    old_board.wait_ready()
    session = old_board.ftp()
    while "state confirmed" not in session.sendcmd("SITE UPDATE STATUS"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    old_board.kill()
    old_board.start()
    old_board.wait_ready()
    (found,) = push(TREE, old_board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found["reason"]
    assert found["before"].startswith("small-")
    assert names(old_board.ftp()) == {file.path for file in bundle.device_files(TREE)}


def test_the_small_one_has_what_reaches_the_board():
    content = contents.read(TREE)
    made = small(content)
    paths = {file.path for file in made.files}
    assert {"/services/ftp_server.mpy", "/services/update_apply.mpy", "/hal/link.mpy"} <= paths
    assert not [path for path in paths if "telemetry" in path or "/lib/" in path]
    main = next(file.content.decode() for file in made.files if file.path == "/main.py")
    compile(main, "main.py", "exec")
    for name in ("network", "ftp", "update"):
        assert f'("{name}", "services.' in main
    for name in ("app", "log", "telemetry", "time"):
        assert f'("{name}", "services.' not in main
    assert bundle.room_for(made.files, {"/"}, 4096) < 0.6 * bundle.room_for(
        content.files, {"/"}, 4096
    )


def test_a_main_of_another_kind_makes_no_small_one():
    content = contents.Content("1", [DeviceFile("/main.py", b"import app\n")], True)
    with pytest.raises(ContentError, match=r"/main.py does not name the services"):
        small(content)


@pytest.mark.parametrize(
    ("path", "spare"),
    [
        ("/services/ftp/manual.mpy", True),
        ("/services/ftp_manual.mpy", True),
        ("/services/telemetry/discovery.mpy", True),
        ("/services/ftp/commands/files.mpy", False),
        ("/services/update_trial.mpy", False),
        ("/hal/__init__.mpy", False),
        ("/manual.mpy", False),
    ],
)
def test_only_what_comes_late_is_spare(path, spare):
    assert is_spare(path) == spare
