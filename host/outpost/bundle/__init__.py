"""The device tree as it goes onto a board: which files, compiled to what, known by which hash.

Source files are cut for readers; the files of a board are built from them. groups.py says which
modules become one, merge.py joins them, texts.py moves texts into a file, rename.py and
parameters.py shorten names, mpy.py drops line numbers. maps.py and trace.py lead a board's
tracebacks back to the source.
"""

import functools
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from outpost.bundle import archive, texts
from outpost.bundle.compiling import BundleError, builder, compiled, put
from outpost.bundle.frequent import numbered
from outpost.bundle.groups import GROUPS
from outpost.bundle.merge import MergeError, Merger
from outpost.bundle.module import Merged, Module
from outpost.bundle.rename import rename
from outpost.bundle.texts import Texts
from outpost.dependencies import PACKAGES
from outpost.home import tree_root as tree_root

# Firmware runs these two as source; everything else is imported and may be compiled.
SOURCE_ONLY = ("boot.py", "main.py")
# What boots a board, and what it finds an update's files by: push leaves them unless asked, so
# they are the same in each bundle of one source.
BOOT = ("boot", "journal", "recovery", "resets")
# What the archive is read by, once an update is settled.
READERS = ("archive",)
# Places of those that keep their names and their texts: people read them on boards, and they come
# before what reads texts.
PLAIN = frozenset(f"/{name}.py" for name in (*BOOT, *READERS, "main"))
FOLDERS = ("hal", "services")
# The modules at the root, by their names alone.
MODULES = (
    "archive",
    "assemble",
    "boot",
    "config",
    "daemon",
    "joining",
    "journal",
    "jsontext",
    "lifecommands",
    "main",
    "proven",
    "recovery",
    "resets",
    "sections",
    "supervisor",
    "trial",
)
NOT_FOR_BOARDS = ("manifest.py",)  # what stands at the root for the build of firmware
# Bytes of bytecode that share a line number on a board: docs/decisions.md has what it saves.
STRETCH = 256
ARCHIVE = archive.PATH
LIBRARY = archive.LIBRARY  # where boards look for packages
_TELLS_ID = "/assemble.py"
_ID = re.compile(r'^BUNDLE = "(\w+)"', re.MULTILINE)


@dataclass(frozen=True)
class DeviceFile:
    """One file of the bundle: its absolute path on the board, its bytes."""

    path: str
    content: bytes

    @functools.cached_property
    def sha256(self) -> str:
        """Hash of the content, lower-case hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def mpy(self) -> int | None:
        """The version of the .mpy format that it has; None where it is something else."""
        if self.path == ARCHIVE:
            return archive.mpy_version(self.content)
        # The header of an .mpy file: "M", then the version.
        return self.content[1] if self.path.endswith(".mpy") and len(self.content) > 1 else None

    @property
    def twin(self) -> str | None:
        """The same module in its other form, which must not lie beside it; None where none can.

        MicroPython imports x.py rather than x.mpy where both are there.
        """
        stem, suffix = os.path.splitext(self.path)
        if self.path.lstrip("/") in SOURCE_ONLY or suffix not in (".py", ".mpy"):
            return None
        return stem + (".mpy" if suffix == ".py" else ".py")


def library_folder(tree: Path) -> Path:
    """The dependencies' folder: what `make deps` fetched, else the stand-ins of the tests."""
    fetched = tree / "build" / "lib"
    return fetched if fetched.is_dir() else tree / "tests" / "standins"


def device_files(
    tree: Path, *, source: bool = False, library: Path | None = None, cache: Path | None = None
) -> list[DeviceFile]:
    """Return the bundle, a list of DeviceFile sorted by path.

    tree: folder with boot.py and main.py. source: leave modules as .py, each in its own file; else
    join, shorten and compile them, and put all but what boots a board into an archive.
    library: folder of the packages that go to /lib, by default library_folder(tree). cache:
    folder for compiled files. Raises BundleError.
    """
    tree = Path(tree)
    if source:
        library = library_folder(tree) if library is None else Path(library)
        files = [DeviceFile(place, path.read_bytes()) for path, place in _modules(tree, library)]
        _require_main(tree, files)
        return sorted(files, key=lambda file: file.path)
    files = modules(tree, library=library, cache=cache)
    return packed(files, bundle_id(merged(tree, cache)))


def packed(files: Iterable[DeviceFile], name: str | None = None) -> list[DeviceFile]:
    """The files of a board with all that can lie in the archive in there; BundleError.

    name: the bundle's id.
    """
    alone = [file for file in files if _is_alone(file.path)]
    rest = {file.path: file.content for file in files if not _is_alone(file.path)}
    if rest:
        try:
            alone.append(DeviceFile(ARCHIVE, archive.packed(rest, name)))
        except archive.ArchiveError as error:
            raise BundleError(str(error)) from error
    return sorted(alone, key=lambda file: file.path)


def modules(
    tree: Path, *, library: Path | None = None, cache: Path | None = None
) -> list[DeviceFile]:
    """The same before there is an archive: each compiled module by itself. Raises BundleError."""
    tree = Path(tree)
    library = library_folder(tree) if library is None else Path(library)
    cache = tree / "build" / "mpy" if cache is None else Path(cache)
    own = built(tree, cache)
    files = [
        DeviceFile(one.place, one.text.encode())
        if one.place.lstrip("/") in SOURCE_ONLY
        else DeviceFile(
            one.place[:-3] + ".mpy",
            compiled(one.text.encode(), module_name(one.place), cache, stretch=STRETCH),
        )
        for one in own.modules
    ]
    if own.texts:
        files.append(DeviceFile(texts.PATH, own.texts.content))
    files += [
        DeviceFile(
            place[:-3] + ".mpy",
            compiled(path.read_bytes(), module_name(place.removeprefix(LIBRARY)), cache),
        )
        for path, place in _packages(library)
    ]
    _require_main(tree, files)
    return sorted(files, key=lambda file: file.path)


def _is_alone(path: str) -> bool:
    """Whether a file of the bundle has to be there before its archive can be read."""
    name = path.lstrip("/")
    return name in SOURCE_ONLY or os.path.splitext(name)[0] in (*BOOT, *READERS)


def _require_main(tree: Path, files: Iterable[DeviceFile]) -> None:
    if not any(file.path == "/main.py" for file in files):
        raise BundleError(f"{tree}: there is no main.py, so this is not a board's code")


@dataclass(frozen=True)
class Built:
    """Outpost's own modules as they stand on a board, a list of Merged, and their Texts."""

    modules: list[Merged]
    texts: Texts


def merged(tree: Path, cache: Path | None = None, frozen: bool = False) -> list[Merged]:
    """The modules of built(), as a list of Merged."""
    return built(tree, cache, frozen).modules


def built(tree: Path, cache: Path | None = None, frozen: bool = False) -> Built:
    """Outpost's own code as it stands on a board; cached by content. Raises BundleError.

    frozen: as it stands in firmware, where texts take no heap and stay in their modules.
    """
    tree = Path(tree)
    sources = [(place, path.read_text()) for path, place in _own(tree)]
    key = hashlib.sha256(json.dumps([builder(), sources, frozen]).encode()).hexdigest()
    if key not in _built:
        target = (cache or tree / "build" / "mpy") / f"{key[:32]}.json"
        if target.exists():
            modules, moved = json.loads(target.read_text())
            found = Built(
                [
                    Merged(name, place, text, [(source, line) for source, line in lines])
                    for name, place, text, lines in modules
                ],
                Texts((int(place), text) for place, text in moved.items()),
            )
        else:
            found = _build(sources, frozen)
            modules = [astuple(one) for one in found.modules]
            put(target, json.dumps([modules, found.texts]).encode())
        _built[key] = found
    return _built[key]


_built: dict[
    str, Built
] = {}  # key -> what built() returned: many boards of one tree are made in a test run


def _build(sources: Iterable[tuple[str, str]], frozen: bool) -> Built:
    modules: list[Module] = []
    for place, text in sources:
        if frozen and module_name(place) == texts.MODULE:
            continue
        try:
            modules.append(Module(module_name(place), text, place))
        except SyntaxError as error:
            raise BundleError(f"{place.lstrip('/')} does not compile:\n{error}") from error
    try:
        joined, moved = texts.moved(Merger(modules, GROUPS).result(), PLAIN)
        return Built(_signed(numbered(rename(joined, PLAIN))), moved)
    except MergeError as error:
        raise BundleError(str(error)) from error


def module_name(place: str) -> str:
    """The dotted name by which a module of the tree is imported: of /services/time/__init__.py
    it is services.time.

    Tracebacks of compiled modules show it in place of a path: the board has this name anyway, and
    a path would be one name more, kept for good.
    """
    return place[1:-3].replace("/", ".").removesuffix(".__init__")


def _signed(made: list[Merged]) -> list[Merged]:
    """The modules with the bundle's id in the one that tells it: a hash over all of them.

    Over where their lines come from, too: a comment more moves those of the source alone.
    """
    whole = hashlib.sha256()
    for one in made:
        whole.update(f"{one.place}\0{one.text}\0{one.lines}\0".encode())
    for one in made:
        if one.place == _TELLS_ID:
            one.text = _ID.sub(f'BUNDLE = "{whole.hexdigest()[:8]}"', one.text, count=1)
    return made


def bundle_id(made: Iterable[Merged]) -> str | None:
    """The id of a bundle, eight hex digits, from what merged() returned.

    None where the tree, such as that of a test, has no module that tells it.
    """
    for one in made:
        if one.place == _TELLS_ID and (found := _ID.search(one.text)):
            return found[1]
    return None


def digest(files: Iterable[DeviceFile]) -> str:
    """One hash over a bundle: it changes when any file of it does."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.path} {file.sha256}\n".encode())
    return whole.hexdigest()


def unloadable(files: Iterable[DeviceFile], loads: int | None) -> str | None:
    """Why a board that loads .mpy version `loads` can't run the files; None where it can."""
    for file in files:
        if file.mpy not in (None, loads):
            what = f"loads .mpy version {loads}" if loads else "loads no .mpy files"
            return f"{what}, and {file.path} has version {file.mpy}"
    return None


def room_for(files: Collection[DeviceFile], folders: Iterable[str], block: int) -> int:
    """Bytes of LittleFS that files take; folders: those that are there, block: its block size.

    A folder that isn't there takes two blocks of its own.
    """
    new = {os.path.dirname(file.path) for file in files} - set(folders)
    blocks = sum(-(-len(file.content) // block) for file in files) + 2 * len(new)
    return blocks * block


def _modules(tree: Path, library: Path) -> Iterator[tuple[Path, str]]:
    """Yield (path here, path on the board) of every module."""
    yield from _own(tree)
    yield from _packages(library)


def _own(tree: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(tree.glob("*.py")):
        if path.name not in NOT_FOR_BOARDS:
            yield path, "/" + path.name
    for folder in FOLDERS:
        for path in sorted((tree / folder).rglob("*.py")):
            yield path, "/" + path.relative_to(tree).as_posix()


def _packages(library: Path) -> Iterator[tuple[Path, str]]:
    for file, _ in PACKAGES.values():
        if (library / file).is_file():
            yield library / file, f"{LIBRARY}/{file}"
