"""Maps of bundles: from a board's file and line back to those of the source, stored as JSON.

A map is named by its bundle's id, which STAT shows as `bundle`. Commands that install a bundle on
a board store its map in build/maps; a release includes it. Firmware has its own bundle and map.
"""

import ast
import functools
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from outpost import bundle
from outpost.bundle import scopes
from outpost.bundle.module import Line

_NAME = re.compile(r"[0-9a-f]{8}\Z")


class NoMap(Exception):
    """There is no such map, or it is invalid; the text says where it was expected."""


@dataclass(frozen=True)
class Map:
    """bundle: its id, None if the bundle has none.

    lines: path on the board -> (source file, line) of each of its lines.
    functions: source file -> (first line, last line, name) of each function of it.
    texts: number -> text, for texts that the board reads from a file; numbers are str too.
    """

    bundle: str | None
    lines: dict[str, list[Line]]
    functions: dict[str, list[tuple[int, int, str]]]
    texts: dict[str, str] = field(default_factory=dict[str, str])  # missing in older maps


def of_tree(tree: Path, frozen: bool = False) -> Map:
    """Return the map of the bundle that is built from a tree. Raises BundleError.

    frozen: of the bundle for firmware.
    """
    built = bundle.built(tree, frozen=frozen)
    merged = built.modules
    sources = {source for one in merged for source, _ in one.lines}
    return Map(
        bundle=bundle.bundle_id(merged),
        lines={one.place: one.lines for one in merged},
        functions={source: _functions(tree / source.lstrip("/")) for source in sorted(sources)},
        texts={str(place): text for place, text in built.texts.items()},
    )


def keep(tree: Path) -> Map:
    """Store the map of a tree's bundle where find() looks for it; return the Map."""
    made = of_tree(tree)
    path = _folder(tree) / f"{made.bundle}.json"
    if made.bundle and not path.exists():
        bundle.put(path, text(made).encode())
    return made


def text(made: Map) -> str:
    """Return a Map as the text of a file."""
    return json.dumps(asdict(made), separators=(",", ":")) + "\n"


def read(path: Path) -> Map:
    """Return the Map in a file. Raises NoMap."""
    try:
        return Map(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise NoMap(f"{path} is no map of a bundle: {error}") from error


@functools.cache
def find(name: str | None, tree: Path) -> Map:
    """Return the Map of the bundle with that id: the tree's own, or a stored one. Raises NoMap."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise NoMap(f"{name!r} is no bundle's id: the board runs the source, or an older Outpost")
    path = _folder(tree) / f"{name}.json"
    if path.exists():
        return read(path)
    try:
        board, firmware = (
            bundle.bundle_id(bundle.merged(tree, frozen=frozen)) for frozen in (False, True)
        )
    except bundle.BundleError as error:
        raise NoMap(f"{path} is not there, and here is no source: {error}") from error
    if name not in (board, firmware):
        raise NoMap(
            f"{path} is not there, and the source here makes bundle {board}, for firmware "
            f"{firmware}"
        )
    return of_tree(tree, frozen=name != board)


def _folder(tree: Path) -> Path:
    return tree / "build" / "maps"


def _functions(path: Path) -> list[tuple[int, int, str]]:
    return [
        (node.lineno, scopes.end_of(node)[0], node.name)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
