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
MIP_TIMEOUT_S = 20  # for all three together: without a network the stand-ins must come soon


class MissingCheckout(Exception):
    """MICROPYTHON_LIB names a folder that is not a micropython-lib checkout."""


def fetch(target, *, checkout=None, standins, say=print):
    """Put every package into folder target; say(text) tells where each came from.

    checkout: a micropython-lib checkout, or None. Raises MissingCheckout.
    """
    target.mkdir(parents=True, exist_ok=True)
    if checkout is None:
        fetched = _through_mip(target)
    for name, (file, folder) in PACKAGES.items():
        if checkout is not None:
            _copy(_found(checkout / folder / file), target / file)
            say(f"{name}: from the checkout {checkout}")
        elif name in fetched:
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
    """Let the interpreter's own mip fetch what it can in bounded time; return the names."""
    # mip ends at the first package that fails and may leave half of it: it works in a folder of
    # its own, and what it leaves is taken only when it says that all went well.
    scratch = target.with_name(target.name + ".mip")
    interpreter = Path(sys.executable).with_name("micropython")
    command = [interpreter, "-m", "mip", "install", "--no-mpy", "--target", scratch, *PACKAGES]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=MIP_TIMEOUT_S, errors="replace"
        )
        if done.returncode or any(not (scratch / file).is_file() for file, _ in PACKAGES.values()):
            return ()
        for file, _ in PACKAGES.values():
            _copy(scratch / file, target / file)
        return tuple(PACKAGES)
    except (OSError, subprocess.TimeoutExpired):
        return ()
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
