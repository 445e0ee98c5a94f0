"""`outpost explain`: shows a board's tracebacks with the source's files, lines and names."""

import re
import sys
from pathlib import Path
from typing import TextIO

import click

from outpost import bundle
from outpost.bundle import maps
from outpost.bundle.trace import Trace

_TOLD = re.compile(r"\bbundle ([0-9a-f]{8})\b")


@click.command()
@click.argument("file", type=click.File("r", errors="replace"), default="-")
@click.option(
    "--bundle",
    "name",
    metavar="ID",
    help="The board's bundle, as STAT tells it; see below.",
)
@click.option(
    "--map",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bundle's map, which a release has beside it.",
)
@click.option(
    "--tree", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The device code that the board has; by default that beside this command.",
)  # fmt: skip
def explain(file: TextIO, name: str | None, path: Path | None, tree: Path | None) -> None:
    """Show FILE, or what comes in, with each traceback's places as in the source.

    A text that the board could not read, such as `text 1482`, has its words behind it.

    A board has Outpost's modules joined and their private names shortened; STAT tells the id of
    this bundle. Where FILE tells one, that is taken from there on; else give it, or its map, or
    the bundle is taken for that of the source here. `outpost deploy`, `push` and `sim` keep each
    bundle's map in build/maps.

    FILE may be a console's text, a crash log, or what STAT said; all else in it stays as it is.

    \b
    outpost explain console.txt
    curl -su admin ftp://weather-7/log/crash.txt | outpost explain --bundle 1f0c9a2e
    """
    tree = tree or bundle.tree_root()
    try:
        if path:
            trace = Trace(maps.read(path))
        else:
            trace = Trace(maps.find(name, tree) if name else maps.of_tree(tree))
    except (bundle.BundleError, maps.NoMap) as error:
        sys.exit(f"outpost explain: {error}")
    for line in file:
        told = _TOLD.search(line)
        if told and not (name or path):
            try:
                trace = Trace(maps.find(told[1], tree))
            except maps.NoMap as error:
                sys.exit(f"outpost explain: {error}; give it with --map")
        click.echo(trace.explained(line), nl=False)
