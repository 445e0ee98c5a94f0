"""`outpost site` as a command: a SITE command to boards in parallel, replies as tables or JSON."""

import json
import re
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from outpost import boards as several
from outpost import bundle
from outpost.boards import Board
from outpost.shown import safe
from outpost.site.run import Result, run

_Results = list[tuple[Board, Result]]
_FEW = 3  # lines of a reply that fit in a row
_LINE = 2000  # characters of a line that are shown
_NAMES = 24  # characters of a board's name
_BAD = "bold red"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # a line end would begin another command


def _command(ctx: click.Context, param: click.Parameter, value: str) -> str:
    value = re.sub(r"site\s+", "", value.strip(), count=1, flags=re.IGNORECASE)
    if not value or _CONTROL.search(value):
        raise click.BadParameter("must be one line such as 'log 20'")
    if "://" in value:
        raise click.BadParameter("the command stands last, behind all boards")
    return value


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.argument("command", metavar="COMMAND", callback=_command)
@several.boards_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each board.")
@several.cafile_option
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=30, show_default=True,
    help="Seconds that a board may take.",
)  # fmt: skip
def site(
    urls: tuple[str, ...],
    command: str,
    boards_file: Path | None,
    as_json: bool,
    cafiles: tuple[Path, ...],
    timeout: float,
) -> None:
    """Give boards a SITE command, all at once, and show what each answers.

    URL is a board's: ftp://user@host:port, or ftps:// for explicit TLS. COMMAND is one word of
    the command line: write it in quotes. "help" lists what a board understands.

    \b
    outpost site ftp://weather-7 "log 20"
    outpost site --boards field.txt ntp

    Places of tracebacks are shown as in the source. Passwords come from OUTPOST_PASSWORD,
    ~/.netrc or a prompt.

    Exit status: 0 where all boards did it, 1 where any failed or can't be reached, 2 for a wrong
    command line.
    """
    tree = bundle.tree_root()
    boards, context = several.of_command(urls, boards_file, cafiles)

    def told(board: Board) -> Result:
        return run(board.address, command, context=context, timeout=timeout, tree=tree)

    results = several.each(boards, told)
    if as_json:
        for board, result in results:
            click.echo(_json_line(board, result))
    else:
        console = Console(highlight=False, markup=False)
        if any(len(result.lines) > _FEW for _, result in results):
            _print_blocks(console, results)
        else:
            console.print(_table(results))
    sys.exit(1 if any(result.error for _, result in results) else 0)


def _json_line(board: Board, result: Result) -> str:
    """Return a line of JSON in ASCII, which is safe for a terminal."""
    return json.dumps(
        {
            "board": str(board.address),
            "name": board.name or None,
            "ok": result.error is None,
            "error": result.error,
            "lines": result.lines,
        }
    )


def _said(result: Result) -> list[Text]:
    """Return what to show of a board's reply, line by line."""
    if result.error:
        return [Text(f"failed: {safe(result.error)}", _BAD)]
    return [Text(safe(line, _LINE)) for line in result.lines]


def _table(results: _Results) -> Table:
    """Return a table with a row for each board, if all replies are short."""
    rows = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    rows.add_column(no_wrap=True, overflow="ellipsis", max_width=_NAMES, style="bold")
    rows.add_column(overflow="fold")
    for board, result in results:
        rows.add_row(Text(safe(board.label, _NAMES)), Text("\n").join(_said(result)))
    return rows


def _print_blocks(console: Console, results: _Results) -> None:
    """Print a heading for each board, and its reply below."""
    for board, result in results:
        head = Text(safe(board.label), "bold")
        if board.name:
            head.append(f"  {safe(board.address)}", "not bold dim")
        console.print(head)
        for line in _said(result):
            console.print(Padding(line, (0, 0, 0, 2), expand=False))
