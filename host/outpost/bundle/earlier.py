"""Finds files of earlier Outpost versions on a board that must be removed for the present one."""

import os
import posixpath
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from outpost import bundle
from outpost.bundle import DeviceFile, texts
from outpost.bundle.symbols import PREFIX
from outpost.dependencies import PACKAGES

_FORMS = (".py", ".mpy")
_OURS = tuple(f"/{folder}/" for folder in bundle.FOLDERS)  # no file of a user is in there
_FLAT = f"/{PREFIX}"  # prefix of modules of a bundle without an archive; no file of a user has it
_MODULES = {
    f"/{name}{form}" for name in bundle.MODULES for form in _FORMS if name not in bundle.BOOT
} - {"/main.py"}
# Outpost before 0.2.0 had no daemon.
_PLAIN = tuple(f"/{name}{form}" for name in ("daemon", "supervisor") for form in _FORMS)
# Paths of packages in earlier versions. Other code may use them, so changed ones are kept.
PACKAGE_PATHS = tuple(
    f"{bundle.LIBRARY}/{os.path.splitext(file)[0]}{form}"
    for file, _ in PACKAGES.values()
    for form in _FORMS
)
# Other places than _OURS where such files may be.
PLACES = (*sorted(_MODULES), bundle.ARCHIVE, *PACKAGE_PATHS)
# Folders of such packages that other packages may use too.
SHARED = tuple(sorted({posixpath.dirname(path) for path in PACKAGE_PATHS} - {bundle.LIBRARY}))


def left(
    paths: Collection[str],
    files: Iterable[DeviceFile],
    packages: Iterable[DeviceFile] = (),
    hashed: Callable[[str], str | None] | None = None,
) -> list[str]:
    """Return those of a board's paths that are Outpost's, and not in the bundle `files`; sorted.

    packages: DeviceFiles of PACKAGE_PATHS as in earlier versions. hashed(path): the SHA-256 of a
    board's file. Packages are removed if the bundle has them in its archive and they are
    unchanged.
    """
    wanted = {file.path for file in files}
    found = [
        path
        for path in paths
        if path not in wanted
        and (
            path in _MODULES
            or path in (bundle.ARCHIVE, texts.PATH)
            or (path.startswith((*_OURS, _FLAT)) and path.endswith(_FORMS))
        )
    ]
    if bundle.ARCHIVE in wanted:
        for file in packages:
            if file.path in paths and file.path not in wanted:
                folder = posixpath.dirname(file.path)
                alone = folder not in SHARED or not any(
                    path.startswith(f"{folder}/") and path != file.path for path in paths
                )
                if alone and hashed and hashed(file.path) == file.sha256:
                    found.append(file.path)
    return sorted(found)


def in_order(paths: Iterable[str]) -> list[str]:
    """Return the paths in the order of removal: first those that make a board use plain files."""
    return sorted(paths, key=lambda path: (path not in _PLAIN, path))


def counts_last(path: str) -> bool:
    """Whether the file makes a board use plain files; then all others must be there before it."""
    return path in _PLAIN


def packages(tree: Path, library: Path | None = None) -> list[DeviceFile]:
    """Return the packages as DeviceFiles in PACKAGE_PATHS, as source and compiled."""
    found = [*bundle.device_files(tree, source=True, library=library)]
    found += bundle.modules(tree, library=library)
    return [file for file in found if file.path in PACKAGE_PATHS]
