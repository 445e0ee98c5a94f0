"""Where Outpost's device code, page and packages are: a checkout, or what its wheel carries.

What is built from them is put beside them. A wheel's own folder is no place for that, and may not
be writable: its first use copies it into the user's cache.
"""

import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
CARRIED = PACKAGE / "carried"
ID = "carried-id"  # a file: what is carried, by its contents


def tree_root() -> Path:
    """The folder of the device code: a checkout's root, the wheel's, or the current folder."""
    checkout = PACKAGE.parents[1]
    if (checkout / "main.py").is_file():
        return checkout
    if (CARRIED / ID).is_file():
        return _copied()
    return Path.cwd()


def _copied() -> Path:
    """The user's copy of what the wheel carries, made where there is none yet."""
    cache = platformdirs.user_cache_path("outpost")
    target = cache / (CARRIED / ID).read_text()
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Beside it, and renamed when it is whole: another command may do the same now.
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            whole = shutil.copytree(CARRIED, Path(scratch) / "tree")
            try:
                os.rename(whole, target)
            except OSError:
                if not target.is_dir():
                    raise
    return target
