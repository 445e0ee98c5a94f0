"""manifest.py freezes what a deployment copies: no file more, none less."""

from types import SimpleNamespace

from outpost import bundle
from outpost.dependencies import PACKAGES

ROOT = bundle.tree_root()


class Options(SimpleNamespace):
    """What include("manifest.py", name=value) gave, over the manifest's defaults."""

    def defaults(self, **values):
        for name, value in values.items():
            self.__dict__.setdefault(name, value)


def frozen(root=ROOT, **given):
    """(paths, packages required) of manifest.py, as MicroPython's build reads it."""
    paths, required = [], []
    names = {
        "options": Options(**given),
        "module": lambda path: paths.append(path),
        "package": lambda name: paths.extend(
            path.relative_to(root).as_posix() for path in (root / name).rglob("*.py")
        ),
        "require": required.append,
    }
    exec((root / "manifest.py").read_text(), names)
    return paths, required


def deployed():
    """What a deployment copies, packages aside."""
    paths = {file.path.lstrip("/") for file in bundle.device_files(ROOT, source=True)}
    return {path for path in paths if not path.startswith("lib/")}


def test_it_names_what_a_deployment_copies():
    paths, required = frozen()
    assert len(paths) == len(set(paths))
    assert set(paths) == deployed()
    assert set(required) == set(PACKAGES)


def test_what_starts_can_stay_on_the_flash():
    assert set(frozen()[0]) - set(frozen(start=False)[0]) == {"boot.py", "main.py"}


def test_it_is_no_device_code():
    assert "manifest.py" not in deployed()
