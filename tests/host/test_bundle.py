"""The bundle: which files go onto a board, compiled to what."""

import pytest
from outpost import bundle


@pytest.fixture
def tree(tmp_path):
    """A device tree with host code beside it."""
    for path in (
        "boot.py",
        "main.py",
        "extra.py",
        "hal/__init__.py",
        "services/ftp/server.py",
        "host/outpost/cli.py",
        "tests/test_x.py",
        "bench/run.py",
        "build/lib/logging.py",
        "build/lib/umqtt/simple.py",
        "build/lib/stray.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"name = {path!r}\n")
    return tmp_path


def paths(files):
    return [file.path for file in files]


def test_modules_are_compiled_and_what_firmware_runs_is_not(tree):
    files = bundle.modules(tree)

    assert paths(files) == [
        "/boot.py",
        "/extra.mpy",
        "/hal/__init__.mpy",
        "/lib/logging.mpy",
        "/lib/umqtt/simple.mpy",
        "/main.py",
        "/services_ftp_server.mpy",
    ]
    assert all(file.content.startswith(b"M\x06") for file in files if file.path.endswith(".mpy"))
    assert files[0].content == b"name = 'boot.py'\n"


def test_source_is_left_as_it_is(tree):
    files = bundle.device_files(tree, source=True)

    assert all(path.endswith(".py") for path in paths(files))
    assert len(files) == 7


def test_the_interpreter_imports_what_was_compiled(tree, micropython):
    files = {file.path: file for file in bundle.modules(tree)}
    (tree / "out").mkdir()
    (tree / "out" / "extra.mpy").write_bytes(files["/extra.mpy"].content)

    out = micropython(
        f"import sys\nsys.path.insert(0, {str(tree / 'out')!r})\nimport extra\n"
        "print(extra.__file__, extra.name)"
    )

    assert out.endswith("/extra.mpy extra.py\n")


def test_the_digest_changes_with_any_file(tree):
    before = bundle.digest(bundle.device_files(tree))
    assert bundle.digest(bundle.device_files(tree)) == before

    (tree / "services" / "ftp" / "server.py").write_text("name = 'new'\n")

    assert bundle.digest(bundle.device_files(tree)) != before


def test_a_syntax_error_names_file_and_line(tree):
    (tree / "services" / "ftp" / "server.py").write_text("good = 1\ndef bad(:\n")

    with pytest.raises(bundle.BundleError, match=r"(?s)services/ftp/server.py.*line 2"):
        bundle.device_files(tree)


def test_a_folder_without_main_is_no_device_tree(tmp_path):
    with pytest.raises(bundle.BundleError, match=r"no main\.py"):
        bundle.device_files(tmp_path)


def test_the_twin_of_a_module_is_its_other_form():
    assert bundle.DeviceFile("/hal/unix.mpy", b"").twin == "/hal/unix.py"
    assert bundle.DeviceFile("/hal/unix.py", b"").twin == "/hal/unix.mpy"
    assert bundle.DeviceFile("/main.py", b"").twin is None
    assert bundle.DeviceFile("/index.html", b"").twin is None


def test_outposts_own_tree_is_found_and_complete():
    found = paths(bundle.device_files(bundle.tree_root()))

    assert {"/boot.py", "/main.py", "/outpost.bin"} <= set(found)
    found = paths(bundle.modules(bundle.tree_root()))
    assert {"/boot.py", "/main.py", "/daemon.mpy", "/services_ftp_server.mpy"} <= set(found)
    assert {"/lib/logging.mpy", "/lib/ntptime.mpy", "/lib/umqtt/simple.mpy"} <= set(found)
    assert not [path for path in found if path.startswith(("/host", "/tests", "/bench"))]
