"""What a push brings: the files of a folder under their paths on boards, and their version."""

import fnmatch
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from outpost import bundle
from outpost.bundle import DeviceFile, earlier, maps
from outpost.push import bridge

_FORMS = (".py", ".mpy")
# The files that boot and restore a board: an update includes them only on request.
BOOT = tuple(f"/{name}{form}" for name in bundle.BOOT for form in _FORMS)
# Paths that no update may contain: the board's own record, keys, log, and staged files.
_BOARDS_OWN = (
    "/app.hung",
    "/boot.json",
    "/log",
    "/manifest.json",
    "/next",
    "/prev",
    "/rescue",
    "/tls",
)
_CONFIG = ("/config.json", "/config.last", "/config.ready")
_VERSION = re.compile(r"""^VERSION = ["']([^"']+)["']""", re.MULTILINE)
_LARGEST = 64 * 2**20  # bytes of an application; a larger folder is surely the wrong one
_DIGEST_CHARS = 8
_VERSION_CHARS = 32  # characters that a board accepts, without spaces


class ContentError(Exception):
    """A folder can't be pushed; the text says which file and what to do."""


@dataclass(frozen=True)
class Content:
    """A version, ready for boards.

    files: DeviceFiles. outpost: whether it is Outpost itself, which owns all of /hal and
    /services. folders: an application's own folders on the board; with pruning, other files there
    are removed. exclude: patterns of files that are not part of it. boot: files of BOOT that were
    not requested and are left out. bridge: the DeviceFile for a board with an older boot.py, or
    None. packages: see earlier.left(). notes: messages for the user.
    """

    version: str
    files: list[DeviceFile]
    outpost: bool
    folders: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    boot: tuple[DeviceFile, ...] = ()
    bridge: DeviceFile | None = None
    packages: tuple[DeviceFile, ...] = ()
    notes: tuple[str, ...] = ()


def read(
    folder: str | PathLike[str],
    *,
    version: str | None = None,
    source: bool = False,
    exclude: Collection[str] = (),
    include_boot: bool = False,
) -> Content:
    """Return the Content of a folder: Outpost's own device tree, or the files of an application.

    version: its name; by default one that changes with any of the files. source: leave modules as
    .py. exclude: patterns (fnmatch) of paths on the board, without the leading slash. Raises
    ContentError, bundle.BundleError.
    """
    folder = Path(folder)
    if version is not None and not re.fullmatch(f"[!-~]{{1,{_VERSION_CHARS}}}", version):
        raise ContentError(
            f"a version is 1 to {_VERSION_CHARS} letters, digits and signs, without blanks"
        )
    outpost = is_outpost(folder)
    notes: list[str] = []
    if outpost:
        files = bundle.device_files(folder, source=source)
        if not source:
            maps.keep(folder)
        files = [file for file in files if not is_excluded(file.path, exclude)]
    else:
        files = list(_application(folder, source, exclude, notes))
    if not files:
        raise ContentError(f"{folder}: there is nothing to push")
    _refuse_doubles(files)
    boot = tuple(file for file in files if file.path in BOOT and not include_boot)
    return Content(
        version=version or _version(folder, files, outpost),
        files=[file for file in files if file not in boot],
        outpost=outpost,
        folders=() if outpost else _own_folders(files),
        exclude=tuple(exclude),
        boot=boot,
        bridge=bridge.made(folder) if outpost and not source else None,
        packages=tuple(earlier.packages(folder)) if outpost else (),
        notes=tuple(notes),
    )


def is_outpost(folder: Path) -> bool:
    """Whether a folder is a whole device tree, such as this repository."""
    return all((folder / name).exists() for name in ("main.py", *bundle.FOLDERS))


def outpost_number(folder: Path) -> str | None:
    """Return Outpost's version, such as 0.2.0, of a device tree; None if its main.py has none."""
    found = _VERSION.search((folder / "main.py").read_text(encoding="utf-8"))
    return found[1] if found else None


def is_excluded(path: str, patterns: Collection[str]) -> bool:
    """Whether one of the patterns matches a path on the board, or a folder above it."""
    parts = path.lstrip("/").split("/")
    names = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)] + parts
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _application(
    folder: Path, source: bool, exclude: Collection[str], notes: list[str]
) -> Iterator[DeviceFile]:
    """Yield the files of an application: all below the folder, except hidden ones and caches."""
    room = _LARGEST
    with tempfile.TemporaryDirectory() as cache:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            place = f"/{relative.as_posix()}"
            hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
            if hidden or not path.is_file() or is_excluded(place, exclude):
                continue
            if place in _CONFIG:
                notes.append(f"{relative} stays here: a board's configuration is its own")
                continue
            _require_allowed(folder, place)
            content = path.read_bytes()
            room -= len(content)
            if room < 0:
                raise ContentError(
                    f"{folder} has more than {_LARGEST // 2**20} MiB: is that what a board shall "
                    "have? --exclude leaves out what it shall not"
                )
            if path.suffix == ".py" and not source:
                content = bundle.compiled(content, place.lstrip("/"), Path(cache))
                place = place[:-3] + ".mpy"
            yield DeviceFile(place, content)


def _require_allowed(folder: Path, place: str) -> None:
    """Raise ContentError if an application may not have a file at that place."""
    if re.search(r"[\x00-\x1f\x7f]", place):
        raise ContentError(f"{folder}: the name {place!r} has control characters")
    top = place.split("/")[1]
    if any(place == own or place.startswith(f"{own}/") for own in _BOARDS_OWN):
        raise ContentError(
            f"{folder}{place}: a board keeps its own {place}; --exclude leaves it out"
        )
    # A folder is imported before a module of the same name.
    if top.removesuffix(".py").removesuffix(".mpy") in (*bundle.FOLDERS, *bundle.MODULES):
        raise ContentError(
            f"{folder}{place} would replace a part of Outpost: give it another name. The module "
            'that Outpost runs is named by "app" in the board\'s config.json. (A folder with '
            f"main.py, {' and '.join(bundle.FOLDERS)} is taken for a whole Outpost.)"
        )


def _refuse_doubles(files: Collection[DeviceFile]) -> None:
    """Raise ContentError if a module exists as .py and as .mpy: only the .py would ever run."""
    places = {file.path for file in files}
    for file in files:
        if file.twin in places:
            raise ContentError(f"{file.path} and {file.twin} are one module: remove one of them")


def _own_folders(files: Iterable[DeviceFile]) -> tuple[str, ...]:
    """Return folders at the root, and packages in /lib, which itself is shared."""
    found: set[str] = set()
    for file in files:
        parts = file.path.split("/")
        depth = 3 if file.path.startswith(f"{bundle.LIBRARY}/") else 2
        if len(parts) > depth:
            found.add("/".join(parts[:depth]))
    return tuple(sorted(found))


def _version(folder: Path, files: Iterable[DeviceFile], outpost: bool) -> str:
    """Return a name for the version: Outpost's own or the folder's, and a hash of the files.

    The hash distinguishes versions that were changed without a new number.
    """
    name = re.sub(r"[^!-~]+", "-", folder.resolve().name)
    if outpost:
        name = outpost_number(folder) or name
    name = name[: _VERSION_CHARS - 1 - _DIGEST_CHARS]
    return f"{name}+{bundle.digest(files)[:_DIGEST_CHARS]}"
