"""What a push brings: the files of a folder as they are to lie on boards, and their version."""

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
# What starts a board and brings it back: an update names them only where it says so.
BOOT = tuple(f"/{name}{form}" for name in bundle.BOOT for form in _FORMS)
# What no update may name: the board's own record, keys and log, and what updates need themselves.
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
_LARGEST = 64 * 2**20  # bytes of an application: no board's flash has more, a wrong folder has
_DIGEST_CHARS = 8
_VERSION_CHARS = 32  # what a board takes, without blanks


class ContentError(Exception):
    """A folder can't be pushed; the text says which file and what to do."""


@dataclass(frozen=True)
class Content:
    """A version, ready for boards.

    files: DeviceFiles. outpost: whether this is Outpost itself, to which all of /hal and
    /services belongs. folders: of an application, those on the board that are its own; what else
    lies there goes where pruning is asked for. exclude: patterns of what is not part of it.
    boot: files of BOOT that are left out, for they were not asked for. bridge: the DeviceFile that
    a board with an older boot.py needs, None where none does. packages: as earlier.left() has it.
    notes: for the person.
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
    """The Content of a folder: Outpost's own device tree, or the files of an application.

    version: its name; by default one that changes with any of the files. source: leave modules
    as .py. exclude: patterns (fnmatch) of paths on the board, without the leading slash.
    Raises ContentError, bundle.BundleError.
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
    """Outpost's number, such as 0.2.0, in a device tree; None where its main.py has none."""
    found = _VERSION.search((folder / "main.py").read_text(encoding="utf-8"))
    return found[1] if found else None


def is_excluded(path: str, patterns: Collection[str]) -> bool:
    """Whether one of the patterns means a path on the board, or a folder that it lies in."""
    parts = path.lstrip("/").split("/")
    names = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)] + parts
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _application(
    folder: Path, source: bool, exclude: Collection[str], notes: list[str]
) -> Iterator[DeviceFile]:
    """Yield the files of an application: all below the folder, but hidden ones and caches."""
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
    """ContentError where an application may not have a file at that place."""
    if re.search(r"[\x00-\x1f\x7f]", place):
        raise ContentError(f"{folder}: the name {place!r} has control characters")
    top = place.split("/")[1]
    if any(place == own or place.startswith(f"{own}/") for own in _BOARDS_OWN):
        raise ContentError(
            f"{folder}{place}: a board keeps its own {place}; --exclude leaves it out"
        )
    # A folder goes before a module of its name.
    if top.removesuffix(".py").removesuffix(".mpy") in (*bundle.FOLDERS, *bundle.MODULES):
        raise ContentError(
            f"{folder}{place} would replace a part of Outpost: give it another name. The module "
            'that Outpost runs is named by "app" in the board\'s config.json. (A folder with '
            f"main.py, {' and '.join(bundle.FOLDERS)} is taken for a whole Outpost.)"
        )


def _refuse_doubles(files: Collection[DeviceFile]) -> None:
    """ContentError where a module is there as .py and as .mpy: only the .py would ever run."""
    places = {file.path for file in files}
    for file in files:
        if file.twin in places:
            raise ContentError(f"{file.path} and {file.twin} are one module: remove one of them")


def _own_folders(files: Iterable[DeviceFile]) -> tuple[str, ...]:
    """Those at the root, and the packages in /lib, which itself is shared with others."""
    found: set[str] = set()
    for file in files:
        parts = file.path.split("/")
        depth = 3 if file.path.startswith(f"{bundle.LIBRARY}/") else 2
        if len(parts) > depth:
            found.add("/".join(parts[:depth]))
    return tuple(sorted(found))


def _version(folder: Path, files: Iterable[DeviceFile], outpost: bool) -> str:
    """A name for the version: Outpost's own or the folder's, and a hash of the files.

    The hash tells boards and people apart what was changed without a new number.
    """
    name = re.sub(r"[^!-~]+", "-", folder.resolve().name)
    if outpost:
        name = outpost_number(folder) or name
    name = name[: _VERSION_CHARS - 1 - _DIGEST_CHARS]
    return f"{name}+{bundle.digest(files)[:_DIGEST_CHARS]}"
