"""`outpost explain`: a board's tracebacks in the words of the source."""

import sys
from pathlib import Path

import click

from outpost import bundle
from outpost.bundle.trace import Trace


@click.command()
@click.argument("file", type=click.File("r", errors="replace"), default="-")
@click.option(
    "--tree", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The device code that the board has; by default that beside this command.",
)  # fmt: skip
def explain(file, tree):
    """Show FILE, or what comes in, with each traceback's places as in the source.

    A board has Outpost's modules joined and their private names shortened. FILE may be a console's
    text, a crash log, or what STAT said; all else in it stays as it is.

    \b
    outpost explain console.txt
    curl -su admin ftp://weather-7/log/crash.txt | outpost explain
    """
    try:
        trace = Trace(tree or bundle.tree_root())
    except bundle.BundleError as error:
        sys.exit(f"outpost explain: {error}")
    for line in file:
        click.echo(trace.explained(line), nl=False)
