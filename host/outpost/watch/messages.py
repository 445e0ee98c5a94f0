"""What one message of a board, as docs/mqtt.md has them, changes in what is known of it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from outpost.watch.board import Board, Running
from outpost.watch.values import cut, json_object, number, scalar, section, text
from outpost.watch.words import BAD, GOOD, PLAIN, words

_TRANSFERS = 32  # of a board
_TROUBLES = 8  # of a board's services
_FIELDS = 32  # of an event
_LONGEST_EVERY_S = 86_400


class Notice(NamedTuple):
    """What a message is worth telling people. level: of words.py. time: the event's own."""

    text: str
    level: str = PLAIN
    time: str | None = None


def take(board: Board, what: str, payload: bytes, now: float) -> list[Notice]:
    """Take one message in. what: its topic below the board's. now: by the watcher's clock."""
    if what == "status":
        return list(_take_status(board, payload, now))
    value = json_object(payload)
    if value is None:
        return [Notice(f"sent {cut(what)} that is no JSON object", BAD)]
    if what == "info":
        return list(_take_info(board, value, now))
    if what == "state":
        _take_state(board, value, now)
    elif what.startswith("event/"):
        return list(_take_event(board, what.removeprefix("event/"), value, now))
    return []


def _take_status(board: Board, payload: bytes, now: float) -> Iterator[Notice]:
    online = payload == b"online"
    if board.online is not None and online != board.online:
        yield Notice("online", GOOD) if online else Notice("offline", BAD)
    if online and not board.online:
        board.heard = now
    board.online = online
    if not online:
        board.running.clear()
        board.current = False


def _take_info(board: Board, info: dict[str, object], now: float) -> Iterator[Notice]:
    board.name = cut(info.get("board") or board.id)
    boots = number(info.get("boots"))
    if board.boots is not None and boots is not None and boots != board.boots:
        cause = text(info.get("reset_cause") or "?")
        level = BAD if cause == "watchdog" else PLAIN
        yield Notice(f"restarted: {cause}, boot {boots:.0f}", level)
        board.restarted.append(now)
        board.running.clear()
    board.boots = boots
    board.version = text(info.get("version"))
    board.outpost = text(info.get("outpost"))
    board.application = text(info.get("application"))
    board.address = text(info.get("address"))


def _take_state(board: Board, state: dict[str, object], now: float) -> None:
    sections = {name: section(value) for name, value in state.items()}

    def of(name: str, key: str) -> object:
        return sections.get(name, {}).get(key)

    def pair(name: str) -> tuple[float, float] | None:
        free, total = (number(of(name, key)) for key in ("free_bytes", "total_bytes"))
        return (free, total) if total and free is not None and 0 <= free <= total else None

    told = number(of("telemetry", "every_s"))
    if told is not None and 0 < told <= _LONGEST_EVERY_S:
        board.every_s = told
    board.heard = now
    board.was_late = False
    board.current = board.online is not False
    board.version = text(of("board", "version")) or board.version
    board.outpost = text(of("board", "outpost")) or board.outpost
    board.application = text(of("board", "application"))
    board.bundle = text(of("board", "bundle"))
    board.uptime_s, board.uptime_at = number(of("board", "uptime_s")), now
    is_set = of("time", "set")
    board.clock_set = is_set if isinstance(is_set, bool) else None
    board.offset_ms = number(of("time", "offset_ms"))
    board.heap, board.flash = pair("heap"), pair("flash")
    board.rssi = number(of("network", "rssi"))
    for key in ("sessions", "transfers", "failed", "stored_bytes", "sent_bytes"):
        setattr(board, key, number(of("ftp", key)))
    board.update = text(of("update", "phase"))
    restarts = [number(part.get("restarts")) for part in sections.values()]
    board.restarts = sum(count for count in restarts if count is not None)
    board.troubles = tuple(_troubles(sections))


def _troubles(sections: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Yield what a state says is wrong, the worst first."""
    reason = sections.get("rescue", {}).get("reason")
    if reason:
        yield f"rescue mode: {text(reason)}"
    said: list[str] = []
    for name, part in sorted(sections.items()):
        if part.get("state") in ("failed", "waiting"):
            said.append(f"{text(name)} {part['state']}")
        elif part.get("problem"):
            said.append(f"{text(name)}: {text(part['problem'])}")
    yield from said[:_TROUBLES]
    config = sections.get("config", {})
    if config.get("problems"):
        yield "config.json has faults"
    if config.get("reason"):
        yield "config.json was taken back"


def _take_event(board: Board, kind: str, event: dict[str, object], now: float) -> Iterator[Notice]:
    """An event: shown once, though a board that isn't sure sends it again."""
    boot, seq = (number(event.get(key)) for key in ("boot", "seq"))
    if boot is not None and seq is not None:
        if (boot, seq) in board.recent:
            return
        missing = _missing_before(board, boot, seq)
        if missing > 0:
            board.missed += missing
            many = "s" if missing > 1 else ""
            yield Notice(f"{missing:.0f} event{many} missed before seq {seq:.0f}", BAD)
        board.recent.append((boot, seq))
        board.seq = max(board.seq or (boot, seq), (boot, seq))
    if kind == "service/restart":
        board.restarted.append(now)
    if kind == "ftp/transfer" and _take_transfer(board, event, now):
        return
    fields = {cut(key): scalar(value) for key, value in list(event.items())[:_FIELDS]}
    time = event.get("time")
    yield Notice(*words(kind, fields), cut(time) if isinstance(time, str) else None)


def _missing_before(board: Board, boot: float, seq: float) -> float:
    """How many events that we did not see lie between the latest one and this one."""
    if board.seq is None:
        return 0  # its first event that we see
    latest_boot, latest_seq = board.seq
    if boot > latest_boot:
        return seq - 1  # each boot begins with 1
    # What outlived a reset on the board's flash comes later than what it belongs to.
    return seq - latest_seq - 1 if boot == latest_boot else 0


def _take_transfer(board: Board, event: dict[str, object], now: float) -> bool:
    """Note how far a transfer is; whether it goes on, and so is nothing for the feed."""
    verb, path, user = (text(event.get(key)) or "?" for key in ("verb", "path", "user"))
    key = verb, path, user, text(event.get("address"))
    if event.get("event_type") not in ("started", "progress"):
        board.running.pop(key, None)
        return False
    if key not in board.running and len(board.running) >= _TRANSFERS:
        return True
    done, ms = (number(event.get(key)) or 0 for key in ("bytes", "ms"))
    board.running[key] = Running(verb, path, user, done, ms, number(event.get("total")), now)
    return True
