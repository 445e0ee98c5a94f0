"""`outpost push` on the command line."""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from outpost import boards as several
from outpost import bundle
from outpost.address import AddressError
from outpost.bundle import BundleError
from outpost.deploy import require_packages
from outpost.push import content as contents
from outpost.push import waves
from outpost.push.report import Report
from outpost.push.steps import Push


@click.command()
@click.argument("words", metavar="[DIR] [URL]...", nargs=-1)
@several.boards_option
@click.option(
    "--canary", type=click.IntRange(0), default=1, show_default=True,
    help="Boards to try the version on before all others; 0 for none.",
)  # fmt: skip
@click.option(
    "--wave", type=click.IntRange(1), default=10, show_default=True,
    help="Boards at once after that. Where one fails, no further wave starts.",
)  # fmt: skip
@click.option("--keep-going", is_flag=True, help="Start further waves though a board failed.")
@click.option(
    "--version", metavar="TEXT", help="The version's name [made from DIR and its files]."
)
@click.option("--source", is_flag=True, help="Send modules as .py, not compiled to .mpy.")
@click.option(
    "--exclude", metavar="PATTERN", multiple=True,
    help="Path or name that is not part of the version, such as tests or '*.md'; may be repeated.",
)  # fmt: skip
@click.option(
    "--prune", is_flag=True,
    help="Remove what else lies in the application's own folders on the board.",
)  # fmt: skip
@click.option(
    "--include-boot", is_flag=True,
    help="Update boot.py and recovery.py too, which no roll back can save you from.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Try a version that a board has rolled back before.")
@click.option(
    "--trial", "trial_s", type=click.IntRange(1, 3600), metavar="SECONDS",
    help="How long the version must run in health until a board confirms it [60].",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(1), default=900, show_default=True,
    metavar="SECONDS", help="From applying to the board's confirmation.",
)  # fmt: skip
@several.cafile_option
@click.option("--dry-run", is_flag=True, help="Only show what would be sent and removed.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def push(
    words: tuple[str, ...],
    boards_file: Path | None,
    canary: int,
    wave: int,
    keep_going: bool,
    version: str | None,
    source: bool,
    exclude: tuple[str, ...],
    prune: bool,
    include_boot: bool,
    again: bool,
    trial_s: int | None,
    timeout_s: float,
    cafiles: tuple[Path, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring the version in DIR onto running boards over FTP, and watch until they confirm it.

    DIR is a whole Outpost (such as a checkout) or the folder of your application, which lies on
    the board as it lies here. Without DIR it is the Outpost that this command is a part of. URL
    is ftp://[user@]host[:port]/, or ftps://... for FTP over TLS.

    Only what differs is sent, and put in place all at once. A board on which the new version fails
    goes back to what it ran. A push that was cut off is completed by the next one.

    Passwords come from OUTPOST_PASSWORD, ~/.netrc or a prompt.

    Exit status: 0 when every board is well, 1 when one is not, 2 for a wrong command line.
    """
    folder, urls = _folder_and_urls(words)
    try:
        boards = several.chosen(urls, boards_file)
        content = contents.read(
            folder, version=version, source=source, exclude=exclude, include_boot=include_boot
        )
        if prune and content.outpost:
            raise click.UsageError("--prune is for applications; /hal and /services are always")
        if content.outpost:
            require_packages(folder)
        boards, context = several.reached_with(boards, cafiles)
    except (AddressError, contents.ContentError, BundleError) as error:
        raise click.UsageError(str(error)) from None
    stop = threading.Event()
    report = Report(content, as_json=as_json)
    pushes = [
        Push(
            board, content, report.view(board), context=context, timeout_s=timeout_s,
            trial_s=trial_s, prune=prune, dry_run=dry_run, again=again, stop=stop,
        )
        for board in boards
    ]  # fmt: skip
    report.begin(len(boards))
    with report, waves.stopping(stop, pushes):
        waves.run(pushes, stop, canary=canary, size=wave, keep_going=keep_going, done=report.done)
    outcomes = [push.outcome for push in pushes]
    report.finish(outcomes)
    sys.exit(0 if all(outcome.good for outcome in outcomes) else 1)


def _folder_and_urls(words: Sequence[str]) -> tuple[Path, Sequence[str]]:
    """Return the folder to push, by default Outpost's own, and the URLs. Raises UsageError."""
    if not words or "://" in words[0]:
        return bundle.tree_root(), words
    folder = Path(words[0])
    if not folder.is_dir():
        raise click.UsageError(f"DIR: {folder} is no folder")
    return folder, words[1:]
