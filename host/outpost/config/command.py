"""`outpost config` on the command line: get, check, put."""

import io
import json
import sys
import threading
from pathlib import Path

import click

from outpost import boards as several
from outpost.config.check import CheckError, Problem
from outpost.config.check import check as checked
from outpost.config.put import CONFIG, Outcome, Put
from outpost.control import Unreachable, session
from outpost.push import waves
from outpost.push.outcome import SKIPPED
from outpost.shown import safe

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def config() -> None:
    """Get, check and put the configuration of boards."""


@config.command()
@click.argument("url")
@several.cafile_option
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=30, show_default=True,
    help="Seconds that the board may take.",
)  # fmt: skip
def get(url: str, cafiles: tuple[Path, ...], timeout: float) -> None:
    """Print the config.json of the board at URL, byte for byte.

    Passwords of users are hashes in it; those of Wi-Fi and the broker are in clear.
    """
    boards, context = several.of_command((url,), None, cafiles)
    address = boards[0].address
    content = io.BytesIO()
    try:
        with session(
            address, (address.user, address.password), context=context, timeout=timeout
        ) as control:
            if address.secure:
                control.prot_p()
            control.retrbinary(f"RETR {CONFIG}", content.write)
    except Unreachable as error:
        raise click.ClickException(str(error)) from None
    sys.stdout.buffer.write(content.getvalue())


@config.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Check FILE with the rules of the boards, on this computer.

    Each problem is printed as FILE:LINE:COLUMN: text. Whether a user's folder is there, and
    whether a network can be joined, only the board can tell.

    Exit status: 0 where nothing is wrong, 1 where something is, 2 for a wrong command line.
    """
    problems = _problems(file, file.read_bytes())
    sys.exit(1 if problems else 0)


@config.command()
@click.argument("file", type=_FILE)
@click.argument("urls", metavar="[URL]...", nargs=-1)
@several.boards_option
@click.option(
    "--canary", type=click.IntRange(0), default=1, show_default=True,
    help="Boards to try it on before all others; 0 for none.",
)  # fmt: skip
@click.option(
    "--wave", type=click.IntRange(1), default=10, show_default=True,
    help="Boards at once after that. Where one fails, no further wave starts.",
)  # fmt: skip
@click.option("--keep-going", is_flag=True, help="Start further waves though a board failed.")
@click.option("--force", is_flag=True, help="Try it though it has problems.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(1), default=900, show_default=True,
    metavar="SECONDS", help="From the reboot to the board's verdict.",
)  # fmt: skip
@several.cafile_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each board.")
def put(
    file: Path,
    urls: tuple[str, ...],
    boards_file: Path | None,
    canary: int,
    wave: int,
    keep_going: bool,
    force: bool,
    timeout_s: float,
    cafiles: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Bring FILE onto running boards as their config.json, and watch each prove it or go back.

    Each board is rebooted. One that can't be reached with the new configuration goes back to the
    one before by itself, and says why.

    Passwords come from OUTPOST_PASSWORD, ~/.netrc or a prompt.

    Exit status: 0 where all boards have proven it, 1 where one has not, 2 for a wrong command
    line.
    """
    content = file.read_bytes()
    if _problems(file, content) and not force:
        click.echo("nothing was sent; --force sends it all the same", err=True)
        sys.exit(1)
    boards, context = several.of_command(urls, boards_file, cafiles)
    stop = threading.Event()
    puts = [
        Put(board, content, context=context, force=force, timeout_s=timeout_s, stop=stop)
        for board in boards
    ]

    def done(outcome: Outcome) -> None:
        click.echo(json.dumps(outcome.as_dict()) if as_json else _line(outcome))

    with waves.stopping(stop, puts):
        waves.run(puts, stop, canary=canary, size=wave, keep_going=keep_going, done=done)
    outcomes = [put.outcome for put in puts]
    for outcome in outcomes:
        if outcome.result == SKIPPED:
            done(outcome)
    sys.exit(0 if all(outcome.good for outcome in outcomes) else 1)


def _line(outcome: Outcome) -> str:
    text = f"{safe(outcome.board)}  {outcome.result}  {outcome.seconds:.0f} s"
    return f"{text}  {safe(outcome.reason, 500)}" if outcome.reason else text


def _problems(file: Path, content: bytes) -> list[Problem]:
    """Return the problems of a file, and print them."""
    try:
        problems = checked(content)
    except CheckError as error:
        raise click.ClickException(str(error)) from None
    for problem in problems:
        click.echo(safe(problem.shown(file), 2000), err=True)
    return problems
