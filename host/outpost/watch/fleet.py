"""All boards below a topic, and the feed of what happened there. No network, no terminal.

All that comes in is a stranger's: any type where a number should be, names of any length. Texts
are kept as they came, cut to a bound; who shows them makes them safe.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from outpost.watch.board import LATE, Board
from outpost.watch.messages import Notice, take
from outpost.watch.values import cut
from outpost.watch.words import BAD

_BOARDS = 1000  # of a broker that anybody may write to; what is beyond is counted
_FEED = 500
_LINE = 500  # characters of a line of the feed

# A text of a board, and the id of the bundle that it runs -> in words of the source.
Explain = Callable[[str, str | None], str]


@dataclass
class Entry:
    """A line of the feed. at: when it came, by the watcher's clock (seconds); time: the event's
    own, ISO 8601 in UTC, or None."""

    at: float
    board: str
    text: str
    level: str
    time: str | None = None


class Fleet:
    """All boards below a topic, and the feed of what happened. Bounded, whatever comes."""

    def __init__(
        self, topic: str = "outpost", explain: Explain = lambda text, bundle: text
    ) -> None:
        """explain: a text of a board that runs the bundle of that id -> in words of the source."""
        self._prefix = topic.strip("/") + "/"
        self._explain = explain
        self.boards: dict[str, Board] = {}  # by id
        self.feed: deque[Entry] = deque(maxlen=_FEED)
        self._names: Counter[str] = Counter()
        self._ticked: float | None = None
        self.ignored = 0  # messages of more boards than are kept

    def take(self, topic: str, payload: bytes, now: float) -> list[Entry]:
        """Take one message in; return the new Entries of the feed.

        payload: bytes. now: seconds of a clock that never jumps.
        """
        board_id, _, what = topic.removeprefix(self._prefix).partition("/")
        if not topic.startswith(self._prefix) or not board_id or not what:
            return []
        if not payload and what == "status":  # how a retained message is removed
            board = self.boards.pop(board_id, None)
            if board:
                self._forget(board.name)
            return []
        board = self.boards.get(board_id)
        if board is None:
            if len(self.boards) >= _BOARDS:
                self.ignored += 1
                return []
            name = cut(board_id)
            board = self.boards[board_id] = Board(name, name=name, heard=now)
            self._names[name] += 1
        name = board.name
        notices = take(board, what, payload, now)
        if board.name != name:
            self._forget(name)
            self._names[board.name] += 1
        return self._tell(board, now, notices)

    def tick(self, now: float, connected: bool = True) -> list[Entry]:
        """Let go what has become stale; return Entries for the boards that are late now.

        connected: whether we hear the broker; what happens meanwhile is no fault of a board.
        """
        news: list[Entry] = []
        deaf = 0 if connected or self._ticked is None else now - self._ticked
        self._ticked = now
        for board in self.boards.values():
            if not connected:
                board.heard += deaf
                board.seq = None
            board.drop_stale(now)
            late = board.condition(now) == LATE
            if late and not board.was_late:
                text = f"late: no state for {now - board.heard:.0f} s"
                news += self._tell(board, now, [Notice(text, BAD)])
            board.was_late = late
        return news

    def label(self, board: Board) -> str:
        """A board's name; the end of its id too, where another one has the same name."""
        alike = self._names.get(board.name, 0) > 1
        return f"{board.name} {board.id[-4:]}" if alike else board.name

    def count(self, condition: str, now: float) -> int:
        """How many boards are ONLINE, OFFLINE, LATE or UNKNOWN."""
        return sum(board.condition(now) == condition for board in self.boards.values())

    def _tell(self, board: Board, now: float, notices: Iterable[Notice]) -> list[Entry]:
        """Put what a board is worth telling into the feed; return its lines."""
        news = [
            Entry(
                now,
                self.label(board),
                self._explain(notice.text[:_LINE], board.bundle),
                notice.level,
                notice.time,
            )
            for notice in notices
        ]
        self.feed.extend(news)
        return news

    def _forget(self, name: str) -> None:
        """Count one board less that has this name."""
        self._names[name] -= 1
        if not self._names[name]:
            del self._names[name]
