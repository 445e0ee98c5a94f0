"""Puts the device code, the page and the pinned packages into the wheel; pyproject.toml names it.

Run by setuptools, which loads this file alone: it imports nothing of ours.
"""

import hashlib
import shutil
import sys
import tomllib
from pathlib import Path
from typing import cast

from setuptools.command.build_py import build_py

_WHAT = (
    *("*.py", "pyproject.toml", "LICENSE", "hal/**/*.py", "services/**/*.py"),
    *("dashboard/*.html", "dashboard/*.css", "dashboard/*.js"),
)
_LIBRARY = "build/lib"
_STANDINS = "tests/standins"  # for simulated boards, if the packages could not be fetched


class BuildPy(build_py):
    """build_py, which also adds outpost/carried."""

    def run(self) -> None:
        """Build, then carry; an editable install uses the checkout itself."""
        super().run()
        if not self.editable_mode:
            carry(Path.cwd(), Path(self.build_lib) / "outpost" / "carried")


def carry(root: Path, target: Path) -> None:
    """Copy what an installed Outpost needs from the checkout root into the folder target."""
    shutil.rmtree(target, ignore_errors=True)
    files = {path for pattern in _WHAT for path in root.glob(pattern)} | _packages(root)
    check = hashlib.sha256()
    for path in sorted(files):
        place = path.relative_to(root)
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        (target / place).write_bytes(content)
        check.update(f"{place.as_posix()} {len(content)}\n".encode() + content)
    (target / "carried-id").write_text(check.hexdigest()[:16])


def _packages(root: Path) -> set[Path]:
    """Return the pinned packages of micropython-lib and their stand-ins; report missing ones."""
    text = (root / "host" / "outpost" / "packages.toml").read_text()
    listed = cast(dict[str, dict[str, str]], tomllib.loads(text))
    found: set[Path] = set()
    for name, package in listed.items():
        found.add(root / _STANDINS / package["file"])
        path = root / _LIBRARY / package["file"]
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() == package["sha256"]:
            found.add(path)
        else:
            print(f"outpost: {name} {package['version']} is not carried: {_WHY}", file=sys.stderr)
    return found


_WHY = (
    "`make deps` did not fetch it. It does with a network, or with MICROPYTHON_LIB naming a "
    "checkout of micropython-lib; without it the wheel's Outpost goes onto no board"
)
