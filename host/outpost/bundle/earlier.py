"""What an earlier form of Outpost may have left on a board, that must go for the present one."""

import os
import posixpath
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from outpost import bundle
from outpost.bundle import DeviceFile, texts
from outpost.bundle.merge import PREFIX
from outpost.dependencies import PACKAGES

_FORMS = (".py", ".mpy")
_OURS = tuple(f"/{folder}/" for folder in bundle.FOLDERS)  # no file of a user lies in there
_FLAT = f"/{PREFIX}"  # nor such a one: modules of a bundle that is in no archive
_MODULES = {
    f"/{name}{form}" for name in bundle.MODULES for form in _FORMS if name not in bundle.BOOT
} - {"/main.py"}
# Outpost before 0.2.0 had no daemon.
_PLAIN = tuple(f"/{name}{form}" for name in ("daemon", "supervisor") for form in _FORMS)
# Where packages of earlier forms lie. Others may need them there, so what differs stays.
PACKAGE_PATHS = tuple(
    f"{bundle.LIBRARY}/{os.path.splitext(file)[0]}{form}"
    for file, _ in PACKAGES.values()
    for form in _FORMS
)
# Where else but in _OURS such files may lie.
PLACES = (*sorted(_MODULES), bundle.ARCHIVE, *PACKAGE_PATHS)
# Folders that such a package shares with others.
SHARED = tuple(sorted({posixpath.dirname(path) for path in PACKAGE_PATHS} - {bundle.LIBRARY}))


def left(
    paths: Collection[str],
    files: Iterable[DeviceFile],
    packages: Iterable[DeviceFile] = (),
    hashed: Callable[[str], str | None] | None = None,
) -> list[str]:
    """Those of a board's paths that are Outpost's, and not of the bundle `files`; sorted.

    packages: DeviceFiles of PACKAGE_PATHS as earlier forms had them; hashed(path): the SHA-256 of
    a board's file. They go where the bundle has them in its archive, and nobody has changed them.
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
    """The paths in the order in which they go: first what makes plain files count on a board."""
    return sorted(paths, key=lambda path: (path not in _PLAIN, path))


def counts_last(path: str) -> bool:
    """Whether the file makes plain files count on a board: then all others come before it."""
    return path in _PLAIN


def packages(tree: Path, library: Path | None = None) -> list[DeviceFile]:
    """The packages as DeviceFiles in PACKAGE_PATHS, as source and compiled."""
    found = [*bundle.device_files(tree, source=True, library=library)]
    found += bundle.modules(tree, library=library)
    return [file for file in found if file.path in PACKAGE_PATHS]
