"""Many boards on a terminal: a row each with what is wrong below it, trouble first."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.padding import Padding
from rich.text import Text

from outpost.boards import Board
from outpost.shown import ADVICE, safe, size, span, versions
from outpost.status.ask import LEAST, Answer, free_share

AWAY, TROUBLE, WELL = "away", "trouble", "well"  # in the order in which they are shown
_STYLES = {AWAY: "bold red", TROUBLE: "bold yellow", WELL: "green"}
_HEADS = ("", "board", "versions", "up", "heap free", "flash free", "signal")
_RIGHT = {3, 4, 5, 6}
_NAME, _VERSION = 1, 2
_NAMES, _FEWEST = 24, 10  # characters of a board's name
_GAP = 2


def rows(
    answers: Iterable[tuple[Board, Answer | Exception]], width: int
) -> Iterator[Text | Padding]:
    """Yield what to print: a heading, a row and the problems of each board, how many are well.

    answers: (boards.Board, Answer or the exception that says why there is none), ...
    """
    order = sorted(answers, key=lambda pair: list(_STYLES).index(_condition(pair[1])))
    cells = [[Text(name, "dim") for name in _HEADS]]
    cells += [_cells(board, answer) for board, answer in order]
    widths = [max(cell_len(row[column].plain) for row in cells) for column in range(len(_HEADS))]
    beside = sum(widths) - widths[_NAME] + _GAP * (len(widths) - 1)
    below = width - beside < min(_FEWEST, widths[_NAME])  # versions are never cut
    if below:
        cells[0][_NAME] = Text("board, versions", "dim")
        beside -= widths[_VERSION] + _GAP
    widths[_NAME] = min(widths[_NAME], max(_FEWEST, width - beside))
    yield _line(cells[0], widths, below)
    for row, (_, answer) in zip(cells[1:], order, strict=True):
        yield _line(row, widths, below)
        beneath = [row[_VERSION]] if below and isinstance(answer, Answer) else []
        style = _STYLES[_condition(answer)]
        beneath += [Text(f"! {safe(problem, ADVICE)}", style) for problem in _problems(answer)]
        for text in beneath:
            yield Padding(text, (0, 0, 0, widths[0] + _GAP), expand=False)
    counts = {name: sum(_condition(answer) == name for _, answer in order) for name in _STYLES}
    words = {TROUBLE: "in trouble"}
    told = [f"{count} {words.get(name, name)}" for name, count in counts.items() if count]
    yield Text(", ".join(told), "bold")


def _condition(answer: Answer | Exception) -> str:
    if not isinstance(answer, Answer):
        return AWAY
    return TROUBLE if answer.problems else WELL


def _problems(answer: Answer | Exception) -> list[str]:
    return answer.problems if isinstance(answer, Answer) else [f"can't be asked: {answer}"]


def _cells(board: Board, answer: Answer | Exception) -> list[Text]:
    condition = _condition(answer)
    sections = answer.sections if isinstance(answer, Answer) else {}
    told = sections.get("board", {})
    name = board.name or told.get("name") or board.label
    rssi = sections.get("network", {}).get("rssi")
    return [
        Text(f"● {condition}", _STYLES[condition]),
        Text(safe(name, _NAMES), "bold"),
        Text(versions(*map(told.get, ("outpost", "application", "version")))),
        Text(_number(told.get("uptime_s"), span)),
        _free(sections.get("heap", {})),
        _free(sections.get("flash", {})),
        Text(_number(rssi, lambda dbm: f"{dbm:.0f} dBm")),
    ]


def _free(section: Mapping[str, object]) -> Text:
    text = Text(_number(section.get("free_bytes"), size))
    share = free_share(section)
    if share is not None:
        text.append(f" {share:4.0%}", "bold red" if share < LEAST else "dim")
    return text


def _number(value: object, shown: Callable[[float], str]) -> str:
    """Return a number as text; "-" for any other value that a board may send."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-"
    return shown(value) if abs(value) < 1e15 else "-"


def _line(row: Sequence[Text], widths: Sequence[int], below: bool) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        if below and column == _VERSION:
            continue
        cell = cell.copy()
        cell.truncate(width, overflow="ellipsis")
        room = " " * (width - cell_len(cell.plain))
        line.append(room if column in _RIGHT else "").append_text(cell)
        line.append("" if column in _RIGHT else room).append(" " * _GAP)
    line.rstrip()
    return line
