"""Shows a push: a bar for each running board, a table at the end; or JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Self

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from outpost.boards import Board
from outpost.push import outcome as results
from outpost.push.content import Content
from outpost.push.outcome import Outcome
from outpost.shown import safe, size, span

_STYLES = {
    results.CONFIRMED: "green",
    results.UNCHANGED: "green",
    results.PLANNED: "cyan",
    results.ROLLED_BACK: "red",
    results.FAILED: "red",
    results.INTERRUPTED: "yellow",
    results.SKIPPED: "yellow",
}
_LINE_CHARS = 2000  # characters shown of a line about a board
_LOG_COLUMNS = 160  # width of the table if the output is no terminal


class _Elapsed(ProgressColumn):
    """The time since a board's push began; rich's own stops when all bytes are sent."""

    def render(self, task: Task) -> Text:
        return Text(span(task.elapsed or 0), "dim")


class View:
    """One board's line, by which its Push reports progress."""

    def __init__(self, report: "Report", label: str) -> None:
        self._report = report
        self._label = label
        self._task: TaskID | None = None
        self._said: tuple[str, str] | None = None

    def phase(self, text: str) -> None:
        """Show the current step, in a few words."""
        report = self._report
        if self._task is None:
            self._task = report.progress.add_task("", label=self._label, phase=text, total=None)
        report.progress.update(self._task, phase=text)
        what, _, why = text.partition(": ")
        kind = what.split(" ")[0], why
        if not report.live and kind != self._said:  # in a log, not every file gets a line
            self._said = kind
            report.say(f"{self._label}: {text}")

    def total(self, count: int) -> None:
        """Set how many bytes will be sent."""
        assert self._task is not None  # there was a phase
        self._report.progress.update(self._task, total=count or None, completed=0)

    def sent(self, count: int) -> None:
        """Report that so many more bytes were sent."""
        assert self._task is not None
        self._report.progress.update(self._task, advance=count)

    def end(self) -> None:
        """Remove the line at the end of the push."""
        if self._task is not None:
            self._report.progress.remove_task(self._task)
            self._task = None


class Report:
    """Shows a push; use it in a `with` block while the push runs.

    as_json: stdout only gets the JSON at the end; the rest goes to stderr. console: where to write
    instead of stdout.
    """

    def __init__(
        self, content: Content, *, as_json: bool = False, console: Console | None = None
    ) -> None:
        self._content = content
        self._as_json = as_json
        self._console = console or Console(stderr=as_json, highlight=False)
        if not self._console.is_terminal:
            self._console.width = _LOG_COLUMNS
        self.live = self._console.is_terminal
        self.progress = Progress(
            TextColumn("{task.fields[label]}", markup=False),
            TextColumn("{task.fields[phase]}", style="cyan", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(binary_units=True),
            _Elapsed(),
            console=self._console,
            transient=True,
            disable=not self.live,
        )
        self._views: dict[str, View] = {}

    def view(self, board: Board) -> View:
        """Return the View for a Board."""
        view = self._views[str(board.address)] = View(self, board.label)
        return view

    def begin(self, count: int) -> None:
        """Print what will be sent, and to how many boards."""
        content = self._content
        whole = sum(len(file.content) for file in content.files)
        self.say(
            f"{'Outpost' if content.outpost else 'Application'} {content.version}: "
            f"{len(content.files)} files, {size(whole)}, to {_boards(count)}"
        )
        for note in content.notes:
            self.say(note)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line for the user."""
        self._console.print(Text(safe(text, _LINE_CHARS), style or ""), soft_wrap=not self.live)

    def done(self, outcome: Outcome) -> None:
        """Report that a board's push has ended."""
        self._views[outcome.url].end()
        reason = f": {outcome.reason}" if outcome.reason else ""
        self.say(f"{outcome.board}: {outcome.result}{reason}", _STYLES[outcome.result])
        if outcome.result == results.PLANNED:
            for verb, paths in (("send", outcome.place), ("remove", outcome.remove)):
                for path in paths:
                    self.say(f"  would {verb} {path}")

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Print the table, or JSON, of all boards."""
        counts = Counter(outcome.result for outcome in outcomes)
        if self._as_json:
            said = {
                "version": self._content.version,
                "outpost": self._content.outpost,
                "files": len(self._content.files),
                "counts": counts,
                "boards": [outcome.as_dict() for outcome in outcomes],
            }
            print(json.dumps(said, indent=2))
            return
        self._console.print(_table(outcomes))
        notes = Counter(note for outcome in outcomes for note in outcome.notes)
        for note, times in notes.items():
            self.say(f"{note} ({_boards(times)})")
        words = ", ".join(f"{count} {result}" for result, count in counts.items())
        self.say(f"{_boards(len(outcomes))}: {words}")


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("board", overflow="fold")
    table.add_column("result", no_wrap=True)
    table.add_column("version", overflow="fold")
    for heading in ("files", "sent", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        row: list[Text | str] = [
            Text(outcome.board),
            Text(outcome.result, _STYLES[outcome.result]),
        ]
        if outcome.result != results.SKIPPED:
            row += [
                Text(_versions(outcome)),
                f"+{len(outcome.place)} -{len(outcome.remove)}",
                size(outcome.bytes),
                f"{outcome.seconds:.1f} s",
            ]
        table.add_row(*row)
    return table


def _versions(outcome: Outcome) -> str:
    """Return what ran before and what runs now; "none" before an application's first version."""
    now = outcome.version or "?"
    before = outcome.before or ("none" if outcome.version else "?")
    return now if before == now else f"{before} -> {now}"


def _boards(count: int) -> str:
    return "1 board" if count == 1 else f"{count} boards"
