"""manifest.py freezes the bundle: no file more, none less."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from outpost import bundle, package
from outpost.dependencies import PACKAGES

ROOT = bundle.tree_root()


class Options(SimpleNamespace):
    """What include("manifest.py", name=value) gave, over the manifest's defaults."""

    def defaults(self, **values):
        for name, value in values.items():
            self.__dict__.setdefault(name, value)


def frozen(root, **given):
    """(paths, packages required) of a folder's manifest.py, as MicroPython's build reads it."""
    paths, required = [], []

    def include(path, **more):
        inner = frozen(root / os.path.dirname(path), **more)
        paths.extend(inner[0])
        required.extend(inner[1])

    names = {
        "options": Options(**given),
        "include": include,
        "module": lambda path: paths.append(path),
        "package": lambda name: paths.extend(
            path.relative_to(root).as_posix() for path in (root / name).rglob("*.py")
        ),
        "require": required.append,
    }
    before = os.getcwd()
    os.chdir(root)
    try:
        exec((root / "manifest.py").read_text(), names)
    finally:
        os.chdir(before)
    return paths, required


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A folder with the repository's manifest.py, and what `make package` puts beside it."""
    folder = tmp_path_factory.mktemp("firmware")
    (folder / "manifest.py").write_bytes((ROOT / "manifest.py").read_bytes())
    files = package.for_firmware(ROOT)
    package._put(folder / package.FIRMWARE, {name: text.encode() for name, text in files.items()})
    return folder


def test_it_names_what_a_deployment_copies(tree):
    paths, required = frozen(tree)
    assert len(paths) == len(set(paths))
    assert set(paths) == {one.place.lstrip("/") for one in bundle.merged(ROOT)}
    assert set(required) == set(PACKAGES)
    for path in paths:
        assert (tree / package.FIRMWARE / path).is_file()


def test_what_starts_can_stay_on_the_flash(tree):
    assert set(frozen(tree)[0]) - set(frozen(tree, start=False)[0]) == {"boot.py", "main.py"}


def test_without_the_bundle_it_says_what_to_do(tmp_path):
    (tmp_path / "manifest.py").write_bytes((ROOT / "manifest.py").read_bytes())
    with pytest.raises(SystemExit, match="run `make package` first"):
        frozen(tmp_path)


def test_it_is_no_device_code():
    assert all("manifest.py" not in file.path for file in bundle.device_files(ROOT))


def test_make_package_writes_it_where_the_manifest_looks():
    done = subprocess.run(
        [sys.executable, "-m", "outpost.package"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(frozen(ROOT)[0]) == {one.place.lstrip("/") for one in bundle.merged(ROOT)}
