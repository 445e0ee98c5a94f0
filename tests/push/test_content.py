"""What a push brings: which files of a folder, as what, where, and as which version."""

import re

import pytest
from outpost import bundle
from outpost.push import content
from outpost.push.content import ContentError


def paths(read):
    return [file.path for file in read.files]


def test_an_application_lies_on_the_board_as_it_lies_here(app):
    read = content.read(app)
    assert paths(read) == [
        "/app.mpy",
        "/weather/__init__.mpy",
        "/weather/sensor.mpy",
        "/www/index.html",
    ]
    assert all(file.mpy == 6 for file in read.files[:3])
    assert read.files[3].content == b"<p>weather\n"
    assert not read.outpost


def test_source_stays_source(app):
    assert paths(content.read(app, source=True)) == [
        "/app.py",
        "/weather/__init__.py",
        "/weather/sensor.py",
        "/www/index.html",
    ]


def test_what_is_hidden_cached_or_excluded_stays_here(app):
    files = (".git/x", "__pycache__/x.pyc", "www/.old", "tests/a.py", "www/notes.md", "docs/a/b")
    app.write(dict.fromkeys(files, "x"))
    assert paths(content.read(app, exclude=["tests", "*.md", "docs/a"])) == paths(
        content.read(app, exclude=["tests", "www/notes.md", "docs"])
    )
    assert len(content.read(app, exclude=["tests", "*.md", "docs"]).files) == 4


def test_a_configuration_stays_here_and_that_is_said(app):
    app.write({"config.json": "{}"})
    read = content.read(app)
    assert len(read.files) == 4
    assert "config.json stays here" in read.notes[0]


@pytest.mark.parametrize(
    "path",
    ["main.py", "config.py", "config/__init__.py", "hal/x.py", "services/x.py", "supervisor.mpy"],
)
def test_an_application_replaces_no_part_of_outpost(app, path):
    with pytest.raises(ContentError, match=f"{path} would replace a part of Outpost"):
        content.read(app.write({path: "x = 1\n"}))


@pytest.mark.parametrize(
    "path", ["boot.json", "log/outpost.log", "manifest.json", "next/x.py", "prev/x.py"]
)
def test_what_a_board_keeps_for_itself_is_refused(app, path):
    with pytest.raises(ContentError, match="a board keeps its own"):
        content.read(app.write({path: "x"}))


def test_a_module_in_both_forms_is_refused(app):
    with pytest.raises(ContentError, match=r"/lib/x\.\w+ and /lib/x\.\w+ are one module"):
        content.read(app.write({"lib/x.py": "", "lib/x.mpy": b"M\x06\0\x1f"}), source=True)


def test_a_module_that_does_not_compile_is_told(app):
    with pytest.raises(
        bundle.BundleError, match=r"weather/sensor.py does not compile(?s:.*)line 1"
    ):
        content.read(app.write({"weather/sensor.py": "PIN =\n"}))


def test_a_folder_that_no_board_could_hold_is_refused(app, monkeypatch):
    monkeypatch.setattr(content, "_LARGEST", 2**20)
    app.write({"www/film": b"x" * 2**20})
    with pytest.raises(ContentError, match="more than 1 MiB"):
        content.read(app)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ContentError, match="nothing to push"):
        content.read(tmp_path)


def test_the_version_changes_with_any_file(app):
    first = content.read(app).version
    assert re.fullmatch(r"weather\+[0-9a-f]{8}", first)
    assert content.read(app).version == first
    assert content.read(app.write({"www/index.html": "<p>other\n"})).version != first
    assert content.read(app, version="1.4.0").version == "1.4.0"


def test_the_application_s_own_folders_are_told(app):
    app.write({"lib/mine/x.py": "", "lib/alone.py": ""})
    assert content.read(app).folders == ("/lib/mine", "/weather", "/www")


def test_outpost_is_its_device_tree(tmp_path):
    read = content.read(bundle.tree_root())
    whole = {file.path for file in bundle.device_files(bundle.tree_root())}
    assert read.outpost
    assert {"/main.py", "/outpost.bin"} <= set(paths(read)) < whole
    assert {file.path for file in read.boot} == {
        "/boot.py",
        "/journal.mpy",
        "/recovery.mpy",
        "/resets.mpy",
    }
    assert whole == set(paths(content.read(bundle.tree_root(), include_boot=True)))
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{8}", read.version)


def test_outpost_s_modules_are_known_without_its_tree():
    files = bundle.device_files(bundle.tree_root(), source=True)
    found = {file.path[1:-3] for file in files if file.path.count("/") == 1}
    assert found == set(bundle.MODULES)


@pytest.mark.parametrize("version", ["", "1 4", "x" * 33, "1.4\n", "1.4é"])
def test_a_version_that_boards_would_not_take_is_refused(app, version):
    with pytest.raises(ContentError, match="1 to 32 letters"):
        content.read(app, version=version)


def test_a_long_or_odd_name_makes_a_version_that_boards_take(tmp_path):
    (tmp_path / ("wetter stäubchen" * 3)).mkdir()
    folder = tmp_path / ("wetter stäubchen" * 3)
    (folder / "app.py").write_text("")
    assert re.fullmatch(r"wetter-st-ubchenwetter-\+[0-9a-f]{8}", content.read(folder).version)
