"""Fetch the three MicroPython packages that the device needs; `python -m outpost.dependencies`.

Each comes from a micropython-lib checkout where MICROPYTHON_LIB names one, else through mip,
else from the stand-ins of the tests, which do as much as the tests need.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Package -> (its file, the folder of a micropython-lib checkout that holds that file).
PACKAGES = {
    "logging": ("logging.py", "python-stdlib/logging"),
    "ntptime": ("ntptime.py", "micropython/net/ntptime"),
    "umqtt.simple": ("umqtt/simple.py", "micropython/umqtt.simple"),
}
# What a release of Outpost asks mip for, by micropython-lib's own numbers.
VERSIONS = {"logging": "0.6.2", "ntptime": "0.2.0", "umqtt.simple": "1.8.0"}
INTERPRETER = Path(sys.executable).with_name("micropython")
INDEX = "https://micropython.org/pi/v2"
MIP_TIMEOUT_S = 20  # for all three together: without a network the stand-ins must come soon


class MissingCheckout(Exception):
    """MICROPYTHON_LIB names a folder that is not a micropython-lib checkout."""


def fetch(target, *, checkout=None, standins, say=print):
    """Put every package into folder target; say(text) tells where each came from.

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


def _found(path):
    if not path.is_file():
        raise MissingCheckout(
            f"{path} is missing: MICROPYTHON_LIB must name a checkout of micropython-lib"
        )
    return path


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _through_mip(target):
    """Let the interpreter's own mip fetch all packages in bounded time; False where it can't."""
    # Where mip fails it leaves half of the packages: what it fetched is taken only as a whole.
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


def main():
    """Fill build/lib of the repository."""
    root = Path(__file__).resolve().parents[2]
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
