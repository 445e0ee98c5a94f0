"""Builds the device tree as it goes onto a board: its files, compiled, with their hashes.

Source files are divided for readers; a board's files are built from them. groups.py says which
modules become one, symbols.py what their globals are called then. relocate.py rewrites imports and
names, merge.py joins the modules, texts.py moves texts into a file, rename.py and parameters.py
shorten names, mpy.py drops line numbers. maps.py and trace.py convert a board's
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
from outpost.bundle.merge import Merger
from outpost.bundle.module import Merged, Module
from outpost.bundle.rename import rename
from outpost.bundle.symbols import MergeError
from outpost.bundle.texts import Texts
from outpost.dependencies import PACKAGES
from outpost.home import tree_root as tree_root

# Firmware runs these two as source; all other modules are imported and may be compiled.
SOURCE_ONLY = ("boot.py", "main.py")
# These boot a board, and find an update's files: push leaves them unchanged unless asked, so they
# are the same in every bundle of one source.
BOOT = ("boot", "journal", "recovery", "resets")
# Reads the archive, after an update's files were moved.
READERS = ("archive",)
# Modules that keep their names and texts: people read them on boards, and they run before the code
# that reads texts.
PLAIN = frozenset(f"/{name}.py" for name in (*BOOT, *READERS, "main"))
FOLDERS = ("hal", "services")
# The names of the modules at the root.
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
NOT_FOR_BOARDS = ("manifest.py",)  # at the root, for the build of firmware
# Bytes of bytecode per line number on a board; docs/decisions.md says what that saves.
STRETCH = 256
ARCHIVE = archive.PATH
LIBRARY = archive.LIBRARY  # where boards import packages from
_TELLS_ID = "/assemble.py"
_ID = re.compile(r'^BUNDLE = "(\w+)"', re.MULTILINE)


@dataclass(frozen=True)
class DeviceFile:
    """One file of the bundle: its absolute path on the board, its bytes."""

    path: str
    content: bytes

    @functools.cached_property
    def sha256(self) -> str:
        """The hash of the content, lower-case hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def mpy(self) -> int | None:
        """The version of the file's .mpy format; None for other files."""
        if self.path == ARCHIVE:
            return archive.mpy_version(self.content)
        # The header of an .mpy file: "M", then the version.
        return self.content[1] if self.path.endswith(".mpy") and len(self.content) > 1 else None

    @property
    def twin(self) -> str | None:
        """The same module in its other form, which must not exist too; None if there can't be one.

        MicroPython imports x.py rather than x.mpy if both exist.
        """
        stem, suffix = os.path.splitext(self.path)
        if self.path.lstrip("/") in SOURCE_ONLY or suffix not in (".py", ".mpy"):
            return None
        return stem + (".mpy" if suffix == ".py" else ".py")


def library_folder(tree: Path) -> Path:
    """Return the dependencies' folder: of `make deps`, else the tests' stand-ins."""
    fetched = tree / "build" / "lib"
    return fetched if fetched.is_dir() else tree / "tests" / "standins"


def device_files(
    tree: Path, *, source: bool = False, library: Path | None = None, cache: Path | None = None
) -> list[DeviceFile]:
    """Return the bundle, a list of DeviceFile sorted by path.

    tree: folder with boot.py and main.py. source: leave modules as .py, each in its own file;
    otherwise join, shorten and compile them, and put all except what boots a board into an
    archive. library: folder of the packages for /lib, by default library_folder(tree). cache:
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
    """Return a board's files, with all that may be in the archive put there. Raises BundleError.

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
    """Return the files as before archiving: each compiled module alone. Raises BundleError."""
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
    """Whether a file must exist before the archive can be read."""
    name = path.lstrip("/")
    return name in SOURCE_ONLY or os.path.splitext(name)[0] in (*BOOT, *READERS)


def _require_main(tree: Path, files: Iterable[DeviceFile]) -> None:
    if not any(file.path == "/main.py" for file in files):
        raise BundleError(f"{tree}: there is no main.py, so this is not a board's code")


@dataclass(frozen=True)
class Built:
    """Outpost's own modules for a board, a list of Merged, and their Texts."""

    modules: list[Merged]
    texts: Texts


def merged(tree: Path, cache: Path | None = None, frozen: bool = False) -> list[Merged]:
    """Return the modules of built(), a list of Merged."""
    return built(tree, cache, frozen).modules


def built(tree: Path, cache: Path | None = None, frozen: bool = False) -> Built:
    """Return Outpost's own code for a board; cached by content. Raises BundleError.

    frozen: for firmware, where texts take no heap and so stay in their modules.
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
    """Return the dotted name by which a module of the tree is imported.

    Example: services.time for /services/time/__init__.py. Tracebacks of compiled modules show it
    in place of a path: the board has this name anyway, and a path would be one more name, which
    would stay in the heap.
    """
    return place[1:-3].replace("/", ".").removesuffix(".__init__")


def _signed(made: list[Merged]) -> list[Merged]:
    """Return the modules, with the bundle's id in one of them: a hash over all modules.

    It includes the lines' numbers in the source: an added comment changes only those.
    """
    whole = hashlib.sha256()
    for one in made:
        whole.update(f"{one.place}\0{one.text}\0{one.lines}\0".encode())
    for one in made:
        if one.place == _TELLS_ID:
            one.text = _ID.sub(f'BUNDLE = "{whole.hexdigest()[:8]}"', one.text, count=1)
    return made


def bundle_id(made: Iterable[Merged]) -> str | None:
    """Return the id of a bundle, eight hex digits, from the result of merged().

    None if the tree, for example a test's, has no module that reports it.
    """
    for one in made:
        if one.place == _TELLS_ID and (found := _ID.search(one.text)):
            return found[1]
    return None


def digest(files: Iterable[DeviceFile]) -> str:
    """Return one hash over a bundle, which changes with any of its files."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.path} {file.sha256}\n".encode())
    return whole.hexdigest()


def unloadable(files: Iterable[DeviceFile], loads: int | None) -> str | None:
    """Return why a board that loads .mpy version `loads` can't run the files; None if it can."""
    for file in files:
        if file.mpy not in (None, loads):
            what = f"loads .mpy version {loads}" if loads else "loads no .mpy files"
            return f"{what}, and {file.path} has version {file.mpy}"
    return None


def room_for(files: Collection[DeviceFile], folders: Iterable[str], block: int) -> int:
    """Return the bytes of LittleFS that files take. folders: existing ones. block: its block size.

    A new folder takes two blocks.
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
