"""The model of `outpost watch`: what a message does to what is known. No network, no terminal.

All that comes in is a stranger's: any type where a number should be, names of any length. Texts
are kept as they came, cut to a bound; who shows them makes them safe.
"""

import json
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from outpost.watch.words import BAD, GOOD, PLAIN, Scalar, words

_BOARDS = 1000  # of a broker that anybody may write to; what is beyond is counted
_TRANSFERS = 32  # of a board
_FEED = 500
_TEXT = 300  # characters of a name that are kept
_LINE = 500  # those of a line of the feed
_REPEATS = 64  # events of a board that are recognised when they come again
_STALE_S = 90  # a board ends a transfer of which nothing was heard for so long
_EVERY_S = 60  # between two states, where a board doesn't tell
_LONGEST_EVERY_S = 86_400
_LATE = 2.5  # intervals without a state
_OFTEN, _OFTEN_S = 3, 3600  # so many restarts in so long are too many
_RESTARTS = 100  # that are remembered

ONLINE, OFFLINE, LATE, UNKNOWN = "online", "offline", "late", "unknown"


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


@dataclass
class Running:
    """A transfer under way; total is None where nobody knows the size."""

    verb: str
    path: str
    user: str
    bytes: float
    ms: float
    total: float | None
    heard: float


_Transfer = tuple[str, str, str, str | None]  # verb, path, user, address


@dataclass
class Board:
    """What is known of one board; None is what it hasn't told. heap, flash: free, total bytes."""

    id: str
    name: str = ""
    online: bool | None = None
    heard: float = 0  # when the last state came, or the board came online
    every_s: float = _EVERY_S
    version: str | None = None  # of what an update brought last; else Outpost's own
    outpost: str | None = None
    application: str | None = None
    bundle: str | None = None
    address: str | None = None
    boots: float | None = None
    uptime_s: float | None = None
    uptime_at: float = 0
    clock_set: bool | None = None
    offset_ms: float | None = None
    heap: tuple[float, float] | None = None
    flash: tuple[float, float] | None = None
    rssi: float | None = None
    sessions: float | None = None
    transfers: float | None = None  # since its boot, as the three that follow
    failed: float | None = None
    stored_bytes: float | None = None
    sent_bytes: float | None = None
    restarts: float | None = None
    troubles: tuple[str, ...] = ()  # what the board itself says is wrong
    update: str | None = None  # the phase of an update
    current: bool = False  # a state came since it is online; else what it told is of before
    missed: float = 0  # events that never came, by their seq
    # The boot of the latest event, and its number within it.
    seq: tuple[float, float] | None = None
    was_late: bool = False
    running: dict[_Transfer, Running] = field(default_factory=dict[_Transfer, Running])
    restarted: deque[float] = field(default_factory=lambda: deque(maxlen=_RESTARTS))
    # Of its latest events, the same two numbers.
    recent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_REPEATS))

    def condition(self, now: float) -> str:
        """ONLINE, OFFLINE, LATE or UNKNOWN."""
        if self.online is None:
            return UNKNOWN
        if not self.online:
            return OFFLINE
        return LATE if now - self.heard > _LATE * self.every_s else ONLINE

    def uptime(self, now: float) -> float | None:
        """Seconds since its boot, counted on since it told them; None while it is away."""
        if self.uptime_s is None or not self.online:
            return None
        return self.uptime_s + now - self.uptime_at

    def restarts_often(self, now: float) -> float:
        """How often it and its services restarted within the last hour; 0 where that is seldom."""
        count = sum(now - at <= _OFTEN_S for at in self.restarted)
        uptime = self.uptime(now)
        if uptime is not None and uptime <= _OFTEN_S:  # those before we came too
            count = max(count, self.restarts or 0)
        return count if count >= _OFTEN else 0


class _Tell(Protocol):
    """Puts a line about a board into the feed; time: the event's own."""

    def __call__(self, text: str, level: str = PLAIN, time: str | None = None) -> None: ...


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
                self._forget(board)
            return []
        board = self.boards.get(board_id)
        if board is None:
            if len(self.boards) >= _BOARDS:
                self.ignored += 1
                return []
            name = board_id[:_TEXT]
            board = self.boards[board_id] = Board(name, name=name, heard=now)
            self._names[name] += 1
        news: list[Entry] = []

        def tell(text: str, level: str = PLAIN, time: str | None = None) -> None:
            text = self._explain(text[:_LINE], board.bundle)
            news.append(Entry(now, self.label(board), text, level, time))

        if what == "status":
            _take_status(board, payload, now, tell)
        else:
            value = _object(payload)
            if value is None:
                tell(f"sent {what[:_TEXT]} that is no JSON object", BAD)
            elif what == "info":
                self._name(board, _cut(value.get("board") or board.id))
                _take_info(board, value, now, tell)
            elif what == "state":
                _take_state(board, value, now)
            elif what.startswith("event/"):
                _take_event(board, what.removeprefix("event/"), value, now, tell)
        self.feed.extend(news)
        return news

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
            for key, transfer in list(board.running.items()):
                if now - transfer.heard > _STALE_S:
                    del board.running[key]
            late = board.condition(now) == LATE
            if late and not board.was_late:
                text = f"late: no state for {now - board.heard:.0f} s"
                news.append(Entry(now, self.label(board), text, BAD))
            board.was_late = late
        self.feed.extend(news)
        return news

    def label(self, board: Board) -> str:
        """A board's name; the end of its id too, where another one has the same name."""
        alike = self._names.get(board.name, 0) > 1
        return f"{board.name} {board.id[-4:]}" if alike else board.name

    def _name(self, board: Board, name: str) -> None:
        """Give a board its name, and count how many have it."""
        if name != board.name:
            self._forget(board)
            board.name = name
            self._names[name] += 1

    def _forget(self, board: Board) -> None:
        self._names[board.name] -= 1
        if not self._names[board.name]:
            del self._names[board.name]

    def count(self, condition: str, now: float) -> int:
        """How many boards are ONLINE, OFFLINE, LATE or UNKNOWN."""
        return sum(board.condition(now) == condition for board in self.boards.values())


def _take_status(board: Board, payload: bytes, now: float, tell: _Tell) -> None:
    online = payload == b"online"
    if board.online is not None and online != board.online:
        tell("online", GOOD) if online else tell("offline", BAD)
    if online and not board.online:
        board.heard = now
    board.online = online
    if not online:
        board.running.clear()
        board.current = False


def _take_info(board: Board, info: dict[str, object], now: float, tell: _Tell) -> None:
    boots = _number(info.get("boots"))
    if board.boots is not None and boots is not None and boots != board.boots:
        cause = _text(info.get("reset_cause") or "?")
        tell(f"restarted: {cause}, boot {boots:.0f}", BAD if cause == "watchdog" else PLAIN)
        board.restarted.append(now)
        board.running.clear()
    board.boots = boots
    board.version = _text(info.get("version"))
    board.outpost = _text(info.get("outpost"))
    board.application = _text(info.get("application"))
    board.address = _text(info.get("address"))


def _take_state(board: Board, state: dict[str, object], now: float) -> None:
    sections = {name: _part(value) for name, value in state.items()}

    def of(section: str, key: str) -> object:
        return sections.get(section, {}).get(key)

    def pair(section: str) -> tuple[float, float] | None:
        free, total = (_number(of(section, key)) for key in ("free_bytes", "total_bytes"))
        return (free, total) if total and free is not None and 0 <= free <= total else None

    told = _number(of("telemetry", "every_s"))
    if told is not None and 0 < told <= _LONGEST_EVERY_S:
        board.every_s = told
    board.heard = now
    board.was_late = False
    board.current = board.online is not False
    board.version = _text(of("board", "version")) or board.version
    board.outpost = _text(of("board", "outpost")) or board.outpost
    board.application = _text(of("board", "application"))
    board.bundle = _text(of("board", "bundle"))
    board.uptime_s, board.uptime_at = _number(of("board", "uptime_s")), now
    is_set = of("time", "set")
    board.clock_set = is_set if isinstance(is_set, bool) else None
    board.offset_ms = _number(of("time", "offset_ms"))
    board.heap, board.flash = pair("heap"), pair("flash")
    board.rssi = _number(of("network", "rssi"))
    for key in ("sessions", "transfers", "failed", "stored_bytes", "sent_bytes"):
        setattr(board, key, _number(of("ftp", key)))
    board.update = _text(of("update", "phase"))
    restarts = [_number(part.get("restarts")) for part in sections.values()]
    board.restarts = sum(count for count in restarts if count is not None)
    said: list[str] = []
    for name, part in sorted(sections.items()):
        if part.get("state") in ("failed", "waiting"):
            said.append(f"{_text(name)} {part['state']}")
        elif part.get("problem"):
            said.append(f"{_text(name)}: {_text(part['problem'])}")
    board.troubles = tuple(said[:8])
    if of("config", "problems"):
        board.troubles += ("config.json has faults",)
    if of("config", "reason"):
        board.troubles += ("config.json was taken back",)
    reason = of("rescue", "reason")
    if reason:
        board.troubles = (f"rescue mode: {_text(reason)}", *board.troubles)


def _take_event(
    board: Board, kind: str, event: dict[str, object], now: float, tell: _Tell
) -> None:
    """An event: shown once, though a board that isn't sure sends it again."""
    boot, seq = (_number(event.get(key)) for key in ("boot", "seq"))
    if boot is not None and seq is not None:
        if (boot, seq) in board.recent:
            return
        board.recent.append((boot, seq))
        if board.seq is None or boot > board.seq[0]:
            # Its first event that we see; each boot begins with 1.
            missing = seq - 1 if board.seq else 0
        else:
            # What outlived a reset on the board's flash comes later than what it belongs to.
            missing = seq - board.seq[1] - 1 if boot == board.seq[0] else 0
        if missing > 0:
            board.missed += missing
            many = "s" if missing > 1 else ""
            tell(f"{missing:.0f} event{many} missed before seq {seq:.0f}", BAD)
        board.seq = max(board.seq or (boot, seq), (boot, seq))
    if kind == "service/restart":
        board.restarted.append(now)
    if kind == "ftp/transfer" and _take_transfer(board, event, now):
        return
    fields = {_cut(key): _scalar(value) for key, value in list(event.items())[:32]}
    time = event.get("time")
    tell(*words(kind, fields), time[:_TEXT] if isinstance(time, str) else None)


def _take_transfer(board: Board, event: dict[str, object], now: float) -> bool:
    """Note how far a transfer is; whether it goes on, and so is nothing for the feed."""
    verb, path, user = (_text(event.get(key)) or "?" for key in ("verb", "path", "user"))
    key = verb, path, user, _text(event.get("address"))
    if event.get("event_type") not in ("started", "progress"):
        board.running.pop(key, None)
        return False
    if key not in board.running and len(board.running) >= _TRANSFERS:
        return True
    done, ms = (_number(event.get(key)) or 0 for key in ("bytes", "ms"))
    board.running[key] = Running(verb, path, user, done, ms, _number(event.get("total")), now)
    return True


def _object(payload: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, object], value) if isinstance(value, dict) else None


def _part(value: object) -> dict[str, object]:
    """A section of a state; an empty one in place of anything else."""
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    """value where it is a number that can be shown; None for all else, true and NaN too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < 1e15 and math.isfinite(value) else None


def _text(value: object) -> str | None:
    return None if value is None else _cut(value)


def _cut(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "[...]" if isinstance(value, list) else "{...}"
    return str(value)[:_TEXT]


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, (bool, type(None))) else _number(value) or _text(value)
