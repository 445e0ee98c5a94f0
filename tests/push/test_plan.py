"""What a push has to do, seen on a board: what differs, what is staged already, what must go."""

import contextlib
import ftplib
import hashlib
import json

import pytest
from outpost import bundle
from outpost.push import content, plan
from outpost.push.content import Content
from outpost.push.plan import NEXT
from outpost.push.session import PushError


@pytest.fixture(scope="module")
def board(shared_board):
    return shared_board


@pytest.fixture
def session(board, session_of):
    return session_of(board)


@pytest.fixture
def put(board, session):
    """Bring files, path -> bytes, onto the board; they and their folders go at the end."""

    def write(files):
        for path, data in files.items():
            folders = path.split("/")[1:-1]
            for depth in range(len(folders)):
                made.append("/" + "/".join(folders[: depth + 1]))
                session.make_folder(made[-1])
            session.send(path, data)
            written.append(path)

    written, made = [], []
    yield write
    with contextlib.closing(board.ftp()) as ftp:
        for path in written:
            ftp.delete(path)
        for path in sorted(set(made), reverse=True):
            with contextlib.suppress(ftplib.error_perm):  # what was there before isn't empty
                ftp.rmd(path)


def brought(files):
    """An application's files as they lie on a board."""
    return {file.path: file.content for file in files}


def test_a_board_with_all_of_it_needs_nothing(session):
    found = plan.compare(session, content.read(bundle.tree_root()))
    assert not found.changes
    assert found.same == len(content.read(bundle.tree_root()).files)
    assert found.notes == []


def test_only_what_differs_is_brought(session, put, app):
    whole = content.read(app)
    put(brought(whole.files))
    assert not plan.compare(session, whole).changes
    app.write({"weather/sensor.py": "PIN = 5\n", "weather/wind.py": "", "www/index.html": "<p>\n"})
    found = plan.compare(session, content.read(app))
    assert [file.path for file in found.place] == [
        "/weather/sensor.mpy",  # as long as before
        "/weather/wind.mpy",
        "/www/index.html",
    ]
    assert found.same == 2
    assert found.remove == []


@pytest.mark.parametrize("source", [False, True])
def test_a_module_s_other_form_goes(session, put, app, source):
    put(brought(content.read(app, source=not source).files))
    found = plan.compare(session, content.read(app, source=source))
    form = ".mpy" if not source else ".py"
    assert {file.path for file in found.place} == {
        f"{path}{form}" for path in ("/app", "/weather/__init__", "/weather/sensor")
    }
    other = ".py" if not source else ".mpy"
    assert found.remove == [
        f"{path}{other}" for path in ("/app", "/weather/__init__", "/weather/sensor")
    ]


def test_what_is_no_more_part_of_outpost_goes_and_what_is_the_user_s_stays(session, put):
    put(
        {
            "/services/gone/__init__.mpy": b"M\x06\0\x1f",
            "/services/borrow.py": b"# shadows borrow.mpy\n",
            "/hal/notes.txt": b"not a module\n",
            "/lib/mine.py": b"x = 1\n",
            "/app.py": b"x = 1\n",
        }
    )
    found = plan.compare(session, content.read(bundle.tree_root()))
    assert found.place == []
    assert found.remove == ["/services/borrow.py", "/services/gone/__init__.mpy"]


def test_pruning_keeps_to_the_application_s_own_folders(session, put, app):
    app.write({"lib/umqtt/robust.py": ""})
    put(
        brought(content.read(app).files)
        | {
            "/www/old/a.html": b"",
            "/www/keep.log": b"",
            "/www2/a.html": b"",
            "/lib/other/a.py": b"",
            "/lib/umqtt/more.py": b"",
        }
    )
    assert not plan.compare(session, content.read(app)).changes
    read = content.read(app, exclude=["*.log"])
    assert plan.compare(session, read, prune=True).remove == [
        "/lib/umqtt/more.py",  # but not Outpost's simple.mpy beside it
        "/www/old/a.html",
    ]


def test_boot_files_that_differ_are_told_and_stay(session):
    changed = bundle.DeviceFile("/boot.py", b"# other\n")
    whole = content.read(bundle.tree_root())
    read = Content(whole.version, whole.files, True, boot=(changed,))
    found = plan.compare(session, read)
    assert not found.changes
    assert found.notes == ["/boot.py differs and stays: --include-boot brings it"]
    asked = Content(whole.version, [*whole.files, changed], True)
    assert json.loads(plan.compare(session, asked).manifest(asked)) == {
        "version": whole.version,
        "files": {changed.path: changed.sha256},
        "remove": [],
        "outpost": True,
        "boot": True,
    }


def test_a_folder_in_a_file_s_place_is_told(session, put, app):
    put({"/app.mpy/x": b""})
    with pytest.raises(PushError, match=r"/app\.mpy is a folder on the board"):
        plan.compare(session, content.read(app))


def test_the_manifest_names_what_changes(session, app):
    read = content.read(app, version="1.4.0")
    found = plan.compare(session, read)
    assert json.loads(found.manifest(read)) == {
        "version": "1.4.0",
        "files": {
            file.path: hashlib.sha256(file.content).hexdigest() for file in content.read(app).files
        },
        "remove": [],
    }


def test_what_is_staged_is_not_sent_again(session, put, app):
    found = plan.compare(session, content.read(app))
    whole = {file.path: file.content for file in found.place}
    fresh = plan.staging(session, found)
    assert [(file.path, start) for file, start in fresh.send] == [(path, 0) for path in whole]
    assert fresh.folders == [NEXT, f"{NEXT}/weather", f"{NEXT}/www"]
    assert fresh.bytes == sum(map(len, whole.values()))
    put(
        {
            f"{NEXT}/app.mpy": whole["/app.mpy"],
            f"{NEXT}/weather/sensor.mpy": whole["/weather/sensor.mpy"][:10],
            f"{NEXT}/www/index.html": b"<p>other",
            f"{NEXT}/www/old.html": b"",
            f"{NEXT}/manifest.json": b"{}",
        }
    )
    found = plan.staging(session, found)
    assert [(file.path, start) for file, start in found.send] == [
        ("/weather/__init__.mpy", 0),
        ("/weather/sensor.mpy", 10),
        ("/www/index.html", 0),
    ]
    assert found.stale == [f"{NEXT}/manifest.json", f"{NEXT}/www/old.html"]
    assert found.folders == []


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 0, [(0, 0)]),
        (0, 65536, [(0, 65536)]),
        (0, 200_000, [(0, 65536), (65536, 131072), (131072, 200_000)]),
        (100_000, 700_000, [(100_000, 200_000), (200_000, 400_000), (400_000, 700_000)]),
        (0, 135_000, [(0, 65536), (65536, 135_000)]),  # for the rest all would be copied
    ],
)
def test_long_files_go_in_growing_pieces(start, length, expected):
    assert list(plan.pieces(start, length)) == expected
