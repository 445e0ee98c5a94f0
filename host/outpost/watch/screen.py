"""Draws the fleet for `outpost watch`, as tables that fit the terminal."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outpost.shown import safe, size, versions
from outpost.watch.board import LATE, OFFLINE, ONLINE, UNKNOWN, Board, Running
from outpost.watch.fleet import Entry, Fleet
from outpost.watch.words import BAD, GOOD

_Item = TypeVar("_Item")
_Link = tuple[str, bool, str]  # url, connected, state
_WIDE = 120  # columns from which all values are shown
_LINE = 400  # characters of an event: a path may be long, and the reason comes after it
_DELAYED_S = 10  # older events also show when they happened
_STYLES = {ONLINE: "green", OFFLINE: "bold red", LATE: "bold yellow", UNKNOWN: "dim"}
_LEVELS = {GOOD: "green", BAD: "red"}
_RANK = (OFFLINE, LATE, UNKNOWN, ONLINE)
_SCARCE = 0.95  # used fraction of the heap or the flash
_MS, _S = 10_000, 600_000  # below these, clock offsets (ms) are shown in ms or in s
_NAMES, _FEWEST = 24, 12  # characters of a board's name
_VERSION = 32  # columns of versions; longer ones are wrapped
_BESIDE, _BESIDE_WIDE = 59, 98  # columns of a board's row without name and version


def screen(fleet: Fleet, link: _Link, now: float, *, width: int, height: int) -> Group:
    """Return the whole view for a terminal of that size."""
    ordered = _sorted(fleet, now)
    lines = 1 if _version_beside(ordered, width) else 2
    boards, hidden = _first(ordered, max(3, height * 2 // 5 // lines))
    running = [(board, way) for board in ordered for way in board.running.values()]
    shown, more = _first(running, max(2, height // 5))
    parts: list[RenderableType | None] = [headline(fleet, link, now), Text()]
    if fleet.boards:
        parts.append(table(fleet, boards, now, width))
        parts.append(_more(hidden, "boards"))
        parts += troubles(fleet, boards, now)
    else:
        parts.append(Text("No boards yet. A board comes here as soon as it has told this broker "
                          "(telemetry.broker in its config.json) of itself.", "dim"))  # fmt: skip
    if shown:
        parts += [Text(), _transfers(fleet, shown, width), _more(more, "transfers")]
    parts.append(Text())
    parts.append(_feed(list(fleet.feed)[::-1][:height], now))
    return Group(*[part for part in parts if part is not None])


def headline(fleet: Fleet, link: _Link, now: float) -> Text:
    """Return a line with the broker, the state of the connection, and counts of boards."""
    url, connected, state = link
    line = Text("outpost watch ", "bold", no_wrap=True, overflow="ellipsis")
    line.append(safe(url) + " ", "not bold")
    line.append(safe(state), "green not bold" if connected else "bold red")
    counts = [
        (f"{count} {condition}", _STYLES[condition])
        for condition in _RANK[::-1]
        if (count := fleet.count(condition, now))
    ]
    for text, style in counts:
        line.append("  ", "not bold").append(text, style)
    if fleet.ignored:
        line.append("  too many boards: some are not shown", "bold red")
    return line


def _version_beside(boards: Iterable[Board], width: int) -> int:
    """Return columns for versions beside the names; 0 if they must go below the names."""
    longest = max([8, *(len(_version(board)) for board in boards)])
    room = width - (_BESIDE_WIDE if width >= _WIDE else _BESIDE) - 1 - longest
    return longest if room >= _FEWEST else 0


def _version(board: Board) -> str:
    return versions(board.outpost, board.application, board.version)


def table(fleet: Fleet, boards: Sequence[Board], now: float, width: int) -> Table:
    """Return a row for each board; versions are never cut, but may be below the name."""
    wide = width >= _WIDE
    rows = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    rows.add_column("", no_wrap=True)
    version = _version_beside(boards, width)
    room = width - (_BESIDE_WIDE if wide else _BESIDE) - (version + 1 if version else 0)
    names = min(_NAMES, max(8, room))
    if version:
        rows.add_column("board", no_wrap=True, overflow="ellipsis", max_width=names)
        rows.add_column("versions", no_wrap=True)
    else:
        rows.add_column("board, versions", overflow="fold", max_width=min(_VERSION, max(8, room)))
    for name, right in (
        ("up", True), ("clock", True), ("heap", False), ("flash", False),
        ("sess", True), ("rest", True), ("missed", True),
    ):  # fmt: skip
        title = {"sess": "sessions", "rest": "restarts"}.get(name, name) if wide else name
        rows.add_column(title, justify="right" if right else "left", no_wrap=True)
    if wide:
        rows.add_column("signal", justify="right", no_wrap=True)
    for board in boards:
        name = Text(safe(fleet.label(board), names), "bold")
        who = [name, Text(_version(board))]
        if not version:
            who = [name.append(f"\n{_version(board)}", "not bold dim")]
        rows.add_row(*_row(board, who, now, wide), style="" if board.online else "dim")
    return rows


def _row(board: Board, who: Iterable[Text], now: float, wide: bool) -> list[Text]:
    condition = board.condition(now)
    often = board.restarts_often(now)
    cells = [
        Text(f"● {condition}", _STYLES[condition]),
        *who,
        Text(_short_span(board.uptime(now))),
        _clock(board),
        _bar(board.heap, wide),
        _bar(board.flash, wide),
        _count(board.sessions),
        Text(_plain(board.restarts) + ("!" if often else ""), "bold red" if often else ""),
        Text(f"{board.missed:.0f}", "bold yellow" if board.missed else "dim"),
    ]
    if wide:
        cells.append(Text("-" if board.rssi is None else f"{board.rssi:.0f} dBm"))
    return cells


def troubles(fleet: Fleet, boards: Iterable[Board], now: float) -> Iterator[Text]:
    """Yield a line for each board that reports a problem, or restarts too often."""
    for board in boards:
        said = list(board.troubles) if board.online else []
        often = board.restarts_often(now)
        if often:
            said.append(f"{often:.0f} restarts in an hour")
        if board.update in ("trial", "rolled-back"):
            said.append(f"update: {board.update}")
        if said:
            line = Text("  ! ", "bold red")
            line.append(safe(fleet.label(board), _NAMES), "bold").append(": ")
            yield line.append(", ".join(safe(text) for text in said), "red")


def _transfers(fleet: Fleet, running: Iterable[tuple[Board, Running]], width: int) -> Table:
    rows = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    rows.add_column("transfer", no_wrap=True, overflow="ellipsis", max_width=_NAMES)
    rows.add_column("", no_wrap=True)
    rows.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    rows.add_column("", justify="right", no_wrap=True)
    rows.add_column("", justify="right", no_wrap=True)
    rows.expand = True
    for board, way in running:
        done = size(way.bytes)
        if way.total:
            share = min(1, way.bytes / way.total)
            bar = _blocks(share, 12 if width >= _WIDE else 6)
            done = f"{bar} {share:4.0%} of {size(way.total)}"
        speed = f"{size(way.bytes * 1000 / way.ms)}/s" if way.ms > 0 else ""
        arrow = "↓" if way.verb == "RETR" else "↑"
        rows.add_row(
            Text(safe(fleet.label(board), _NAMES), "bold"),
            Text(f"{arrow} {safe(way.verb, 4)}", "cyan"), Text(safe(way.path)),
            Text(done, "cyan"), Text(speed),
        )  # fmt: skip
    return rows


def _feed(entries: Iterable[Entry], now: float) -> Table:
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(no_wrap=True, style="dim")
    rows.add_column(no_wrap=True, style="bold", overflow="ellipsis", max_width=_NAMES)
    rows.add_column(overflow="fold")
    for entry in entries:
        clock = time.strftime("%H:%M:%S", time.localtime(time.time() - (now - entry.at)))
        text = Text(entry_text(entry, now), _LEVELS.get(entry.level, ""))
        rows.add_row(clock, Text(safe(entry.board, _NAMES)), text)
    return rows


def entry_text(entry: Entry, now: float) -> str:
    """Return an event as one line; with its time if it came with a delay."""
    text = safe(entry.text, _LINE)
    if entry.time:
        came = time.time() - (now - entry.at)
        try:
            happened = datetime.strptime(entry.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return text
        if came - happened.timestamp() > _DELAYED_S:
            text += f" (at {entry.time})"
    return text


def _sorted(fleet: Fleet, now: float) -> list[Board]:
    """Return the boards that need attention first."""
    return sorted(
        fleet.boards.values(),
        key=lambda board: (
            _RANK.index(board.condition(now)),
            not (board.troubles or board.restarts_often(now)),
            board.name,
            board.id,
        ),
    )


def _first(items: list[_Item], most: int) -> tuple[list[_Item], int]:
    """Return (as many items as there is space for, how many are left out)."""
    return (items, 0) if len(items) <= most else (items[: most - 1], len(items) - most + 1)


def _more(count: int, what: str) -> Text | None:
    return Text(f"  ... and {count} more {what}", "dim") if count else None


def _plain(number: float | None) -> str:
    return "-" if number is None else f"{number:.0f}"


def _count(number: float | None) -> Text:
    return Text(_plain(number), "" if number else "dim")


def _clock(board: Board) -> Text:
    if board.clock_set is None:
        return Text("-", "dim")
    if not board.clock_set:
        return Text("not set", "bold yellow")
    offset = board.offset_ms
    if offset is None:
        return Text("set")
    if abs(offset) < _MS:
        return Text(f"{offset:+.0f} ms")
    # A larger offset is probably from the first time that the clock was set, so it isn't shown.
    return Text(f"{offset / 1000:+.0f} s" if abs(offset) < _S else "set")


def _bar(pair: tuple[float, float] | None, wide: bool) -> Text:
    """Return how much of the heap or the flash is used; wide: also how much is free."""
    if not pair:
        return Text("-", "dim")
    free, total = pair
    used = 1 - free / total
    text = Text(_blocks(used, 5 if wide else 4), "red" if used > _SCARCE else "green")
    return text.append(f" {size(free)} free" if wide else f"{used:4.0%}", "default")


def _blocks(share: float, cells: int) -> str:
    full = round(share * cells)
    return "■" * full + "·" * (cells - full)


def _short_span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    seconds = int(seconds)
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d{seconds % 86400 // 3600:02d}h"
