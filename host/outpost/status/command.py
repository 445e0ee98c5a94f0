"""`outpost status` as a command: shows the state of boards: a row each, all of one, or JSON."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from outpost import boards as several
from outpost import bundle
from outpost.boards import Board
from outpost.bundle.trace import explained
from outpost.control import Unreachable
from outpost.shown import ADVICE, safe, size, span
from outpost.status.ask import Answer, ask
from outpost.status.rows import rows
from outpost.status.stat_text import Sections

_BESIDE, _LEAST = 23, 40  # columns for the names and states of services; for the rest
_UNITS: tuple[tuple[str, Callable[[float], str]], ...] = (
    ("_bytes", size),
    ("_ms", lambda ms: f"{ms:.0f} ms"),
    ("_s", span),
)
_GOOD, _BAD = "green", "bold red"


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@several.boards_option
@click.option("-v", "--verbose", is_flag=True, help="Show all that each board tells of itself.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each board.")
@several.cafile_option
@click.option(
    "--timeout", type=click.FloatRange(1, 600), default=15, show_default=True,
    help="Seconds that a board may take.",
)  # fmt: skip
def status(
    urls: tuple[str, ...],
    boards_file: Path | None,
    verbose: bool,
    as_json: bool,
    cafiles: tuple[Path, ...],
    timeout: float,
) -> None:
    """Tell how boards are, each asked over FTP.

    URL is a board's: ftp://user@host:port, or ftps:// for explicit TLS. The password may come
    from OUTPOST_PASSWORD, ~/.netrc or the keyboard; in the URL others may see it in the list of
    processes.

    One board is shown with all that it tells of itself; several have a row each, trouble first.

    Exit status: 0 where all boards are well, 2 for a wrong command line, and 1 where any

    \b
    - can't be asked within --timeout seconds
    - is in rescue mode
    - has a service that failed, waits for its next start, or names a problem
    - has telemetry that runs without its broker
    - has an update on trial, or one that was rolled back
    - has faults in config.json
    - has a time service and a clock that isn't set
    - has less than 5 % of its heap free, or less than 5 % of its flash
    """
    tree = bundle.tree_root()
    boards, context = several.of_command(urls, boards_file, cafiles)

    def asked(board: Board) -> Answer | Unreachable:
        login = board.address.user, board.address.password
        try:
            answer = ask(board.address, login, context=context, timeout=timeout)
            return Answer(_of_the_source(answer.sections, tree), answer.exact)
        except Unreachable as error:
            return error

    answers = several.each(boards, asked)
    console = Console(highlight=False, markup=False)
    if as_json:
        for board, answer in answers:
            click.echo(_json_line(board, answer))
    elif verbose or len(boards) == 1:
        for board, answer in answers:
            if isinstance(answer, Answer):
                _show(console, board, answer)
            else:
                console.print(Text(f"{_title(board)}: {safe(answer)}", _BAD))
    else:
        for line in rows(answers, console.width):
            console.print(line)
    sys.exit(0 if all(_well(answer) for _, answer in answers) else 1)


def _well(answer: Answer | Unreachable) -> bool:
    return isinstance(answer, Answer) and not answer.problems


def _title(board: Board) -> str:
    """Return the board's name in the file of boards, if it has one, and its URL."""
    return f"{safe(board.name)} {safe(board.address)}" if board.name else safe(board.address)


def _of_the_source(sections: Sections, tree: Path) -> Sections:
    """Return the sections with the places of tracebacks as in the source."""
    bundle_id = sections.get("board", {}).get("bundle")
    name = bundle_id if isinstance(bundle_id, str) else None
    return {
        section: {
            key: explained(value, name, tree) if isinstance(value, str) else value
            for key, value in values.items()
        }
        for section, values in sections.items()
    }


def _json_line(board: Board, answer: Answer | Unreachable) -> str:
    """Return a line of JSON in ASCII, which is safe for a terminal."""
    told = answer if isinstance(answer, Answer) else None
    return json.dumps(
        {
            "board": str(board.address),
            "name": board.name or None,
            "reachable": told is not None,
            "error": None if told else str(answer),
            "problems": told.problems if told else [],
            "exact": told.exact if told else None,
            "status": told.sections if told else None,
        }
    )


def _show(console: Console, board: Board, answer: Answer) -> None:
    called = answer.sections.get("board", {}).get("name")
    head = Text(safe(called or board.name or board.address.host), "bold")
    head.append(f"  {safe(board.address)}", "not bold dim")
    console.print(head)
    room = max(_LEAST, console.width - _BESIDE)
    rows = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    rows.add_column(style="cyan", no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for name, section in answer.sections.items():
        state = safe(section.get("state", ""))
        style = {"running": _GOOD, "failed": _BAD, "waiting": _BAD}.get(state, "dim")
        pairs = [shown(key, value) for key, value in sorted(section.items()) if key != "state"]
        told = filled([pair for pair in pairs if pair], room)
        if state or told:
            rows.add_row(safe(name), Text(state, style), Text(told))
    console.print(rows)
    for problem in answer.problems:
        console.print(Text(f"! {safe(problem, ADVICE)}", _BAD))


def filled(pairs: Iterable[str], width: int) -> str:
    """Return pairs on lines of that width; a pair is only split if it is longer than a line."""
    lines = [""]
    for pair in pairs:
        if lines[-1] and len(lines[-1]) + len(pair) + 3 > width:
            lines.append("")
        lines[-1] += f" {pair}," if lines[-1] else f"{pair},"
    return "\n".join(lines)[:-1]


def shown(key: str, value: object) -> str:
    """Return `key value` for people, in the unit of the key's suffix; "" if it is unknown."""
    if value in (None, ""):
        return ""
    if value is True or value is False:
        value = "yes" if value else "no"
    elif isinstance(value, (int, float)) and abs(value) < 1e15:
        for suffix, text_of in _UNITS:
            if key.endswith(suffix):
                key, value = key.removesuffix(suffix), text_of(value)
                break
    return f"{safe(key.replace('_', ' '))} {safe(value, ADVICE)}"
