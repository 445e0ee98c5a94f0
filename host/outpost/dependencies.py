"""The three MicroPython packages that the device needs; `python -m outpost.dependencies` fetches.

Each comes from a micropython-lib checkout if MICROPYTHON_LIB names one, else through mip, else
from the tests' stand-ins, which only do what the tests need and never go to a real board.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, cast

from outpost.home import tree_root


class _Package(TypedDict):
    """An entry of packages.toml."""

    file: str
    folder: str
    version: str
    sha256: str


_LISTED = cast(
    dict[str, _Package], tomllib.loads(Path(__file__).with_name("packages.toml").read_text())
)
# Package -> (its file, the folder in a micropython-lib checkout with that file).
PACKAGES: dict[str, tuple[str, str]] = {
    name: (one["file"], one["folder"]) for name, one in _LISTED.items()
}
# The versions that a release of Outpost requests from mip, in micropython-lib's numbering.
VERSIONS = {name: one["version"] for name, one in _LISTED.items()}
LET_THROUGH = "OUTPOST_STANDINS"  # if set, stand-ins are allowed, because the board is simulated
INTERPRETER = Path(sys.executable).with_name("micropython")
INDEX = "https://micropython.org/pi/v2"
MIP_TIMEOUT_S = 20  # for all three together, so that without a network the stand-ins are used soon


class MissingCheckout(Exception):
    """MICROPYTHON_LIB names a folder that is not a micropython-lib checkout."""


class NotForBoards(Exception):
    """A package is missing, or is a stand-in of the tests; the text says which and what to do."""


def require_real(library: Path, standins: Path, say: Callable[[str], object]) -> None:
    """Check the packages in the folder library before they go to a board.

    say(text) reports a package of another version than the pinned one, which a developer may have
    chosen. Raises NotForBoards.
    """
    missing: list[str] = []
    fake: list[str] = []
    for name, (file, _) in PACKAGES.items():
        here, standin = library / file, standins / file
        if not here.is_file():
            missing.append(name)
        elif standin.is_file() and here.read_bytes() == standin.read_bytes():
            fake.append(name)
        elif not is_pinned(name, here):
            say(f"{name}: not version {VERSIONS[name]} of micropython-lib, by its SHA-256")
    if missing:
        raise NotForBoards(f"{', '.join(missing)}: missing in {library}; {_WHAT_TO_DO}")
    if fake and not os.environ.get(LET_THROUGH):
        raise NotForBoards(f"{', '.join(fake)}: the stand-ins of the tests; {_WHAT_TO_DO}")


_WHAT_TO_DO = (
    "`python -m outpost.dependencies` fetches the real ones, with a network or with "
    "MICROPYTHON_LIB naming a checkout of micropython-lib"
)


def is_pinned(name: str, file: Path) -> bool:
    """Whether a file is the pinned one of its package."""
    return hashlib.sha256(file.read_bytes()).hexdigest() == _LISTED[name]["sha256"]


def fetch(
    target: Path,
    *,
    checkout: Path | None = None,
    standins: Path,
    say: Callable[[str], object] = print,
) -> None:
    """Put every package into folder target; say(text) reports where each came from.

    checkout: a micropython-lib checkout, or None. Raises MissingCheckout.
    """
    target.mkdir(parents=True, exist_ok=True)
    by_mip = checkout is None and _through_mip(target)
    for name, (file, folder) in PACKAGES.items():
        if checkout is not None:
            _copy(_found(checkout / folder / file), target / file)
            say(f"{name}: from the checkout {checkout}")
        elif by_mip:
            say(f"{name}: through mip")
        else:
            _copy(standins / file, target / file)
            say(f"{name}: mip could not fetch it; the stand-in of the tests")


def _found(path: Path) -> Path:
    if not path.is_file():
        raise MissingCheckout(
            f"{path} is missing: MICROPYTHON_LIB must name a checkout of micropython-lib"
        )
    return path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _through_mip(target: Path) -> bool:
    """Fetch all packages with the interpreter's mip, in bounded time; return False on failure."""
    # If mip fails, some packages may be missing: only use a complete set.
    scratch = target.with_name(target.name + ".mip")
    options = ["--index", INDEX, "--target", scratch, "--no-mpy"]
    names = [f"{name}@{VERSIONS[name]}" for name in PACKAGES]
    command = [INTERPRETER, "-m", "mip", "install", *options, *names]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=MIP_TIMEOUT_S, errors="replace"
        )
        if done.returncode or any(not (scratch / file).is_file() for file, _ in PACKAGES.values()):
            return False
        for file, _ in PACKAGES.values():
            _copy(scratch / file, target / file)
        return True
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main() -> None:
    """Fill build/lib of the device tree."""
    root = tree_root()
    checkout = os.environ.get("MICROPYTHON_LIB")
    try:
        fetch(
            root / "build" / "lib",
            checkout=Path(checkout) if checkout else None,
            standins=root / "tests" / "standins",
        )
    except MissingCheckout as error:
        sys.exit(f"deps: {error}")


if __name__ == "__main__":
    main()
