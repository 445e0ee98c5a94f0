"""Where Outpost's device code, page and packages are: in a checkout, or in the wheel.

Build results go beside them. The wheel's own folder may not be writable, so the first use copies
its contents into the user's cache.
"""

import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent
CARRIED = PACKAGE / "carried"
ID = "carried-id"  # a file with a hash of what is carried


def tree_root() -> Path:
    """Return the folder of the device code: a checkout, the wheel's, or the current one."""
    checkout = PACKAGE.parents[1]
    if (checkout / "main.py").is_file():
        return checkout
    if (CARRIED / ID).is_file():
        return _copied()
    return Path.cwd()


def _copied() -> Path:
    """Return the user's copy of what the wheel carries; make it if there is none."""
    cache = platformdirs.user_cache_path("outpost")
    target = cache / (CARRIED / ID).read_text()
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Copied beside it and then renamed, because another command may do the same now.
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            whole = shutil.copytree(CARRIED, Path(scratch) / "tree")
            try:
                os.rename(whole, target)
            except OSError:
                if not target.is_dir():
                    raise
    return target
