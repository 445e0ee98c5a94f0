"""`outpost status` as a command: how boards are, as tables or as JSON."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from outpost import bundle
from outpost.address import FTP, AddressError, AddressType, credentials
from outpost.bundle.trace import explained
from outpost.shown import safe, size, span
from outpost.status.ask import Answer, Unreachable, ask

_AT_ONCE = 16
_BESIDE, _LEAST = 23, 40  # columns that the names and states of services take; for the rest
_UNITS = (("_bytes", size), ("_ms", lambda ms: f"{ms:.0f} ms"), ("_s", span))
_GOOD, _BAD = "green", "bold red"


@click.command()
@click.argument("urls", metavar="URL...", type=AddressType(FTP), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each board.")
@click.option(
    "--cafile", type=click.Path(exists=True, dir_okay=False),
    help="For ftps://: the boards' certificates (PEM), as `outpost deploy --tls` wrote them.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(1, 600), default=15, show_default=True,
    help="Seconds that a board may take.",
)  # fmt: skip
def status(urls, as_json, cafile, timeout):
    """Tell how boards are, each asked over FTP.

    URL is a board's: ftp://user@host:port, or ftps:// for explicit TLS. The password may come
    from OUTPOST_PASSWORD, ~/.netrc or the keyboard; in the URL others may see it in the list of
    processes.

    Exit status: 0 where all boards answered and all their services are well, else 1.
    """
    tree = bundle.tree_root()
    try:
        logins = [credentials(url) for url in urls]
    except AddressError as error:
        raise click.ClickException(str(error)) from None

    def asked(url, login):
        try:
            answer = ask(url, login, cafile=cafile, timeout=timeout)
            return Answer(_of_the_source(answer.sections, tree), answer.exact)
        except Unreachable as error:
            return error

    console = Console(highlight=False, markup=False)
    well = True
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for url, answer in zip(urls, pool.map(asked, urls, logins), strict=True):
            reached = isinstance(answer, Answer)
            well = well and reached and not answer.problems
            if as_json:
                click.echo(_json_line(url, answer))
            elif reached:
                _show(console, url, answer)
            else:
                console.print(Text(f"{safe(url)}: {safe(answer)}", _BAD))
    sys.exit(0 if well else 1)


def _of_the_source(sections, tree):
    """Sections, with the places of tracebacks as in the source."""
    name = sections.get("board", {}).get("bundle")
    return {
        section: {
            key: explained(value, name, tree) if isinstance(value, str) else value
            for key, value in values.items()
        }
        for section, values in sections.items()
    }


def _json_line(url, answer):
    """In ASCII, so that nothing of it reaches a terminal as it is."""
    reached = isinstance(answer, Answer)
    return json.dumps(
        {
            "board": str(url),
            "reachable": reached,
            "error": None if reached else str(answer),
            "problems": answer.problems if reached else [],
            "exact": answer.exact if reached else None,
            "status": answer.sections if reached else None,
        }
    )


def _show(console, url, answer):
    board = answer.sections.get("board", {})
    head = Text(safe(board.get("name") or url.host), "bold")
    head.append(f"  {safe(url)}", "not bold dim")
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
        console.print(Text(f"! {safe(problem)}", _BAD))


def filled(pairs, width):
    """Pairs on lines of that width, none of them broken in two where it fits a line."""
    lines = [""]
    for pair in pairs:
        if lines[-1] and len(lines[-1]) + len(pair) + 3 > width:
            lines.append("")
        lines[-1] += f" {pair}," if lines[-1] else f"{pair},"
    return "\n".join(lines)[:-1]


def shown(key, value):
    """`key value` for people, in the unit that the key ends in; empty where it is not known."""
    if value in (None, ""):
        return ""
    if value is True or value is False:
        value = "yes" if value else "no"
    elif isinstance(value, (int, float)) and abs(value) < 1e15:
        for suffix, text_of in _UNITS:
            if key.endswith(suffix):
                key, value = key.removesuffix(suffix), text_of(value)
                break
    return f"{safe(key.replace('_', ' '))} {safe(value)}"
