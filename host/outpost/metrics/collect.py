"""Converts a Fleet to families of metrics; stale values are left out, not repeated."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)

from outpost.shown import safe
from outpost.watch.board import LATE, OFFLINE, ONLINE, UNKNOWN, Board
from outpost.watch.fleet import Fleet

_LABELS = ("board", "id")
_CONDITIONS = (ONLINE, OFFLINE, LATE, UNKNOWN)
_PHASES = (
    "idle", "staged", "applying", "trial", "confirmed", "undoing", "rolled-back", "rescue",
)  # fmt: skip


@dataclass(frozen=True)
class _Value:
    """A number of a board as a metric. of: (Board, now) -> the number, or None."""

    name: str
    help: str
    of: Callable[[Board, float], float | None]
    unit: str = ""
    counter: bool = False

    def family(self) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if self.counter else GaugeMetricFamily
        return kind(self.name, self.help, labels=_LABELS, unit=self.unit)


def _part(pair: Sequence[float] | None, index: int) -> float | None:
    return pair[index] if pair else None


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


_VALUES = (
    _Value("outpost_uptime", "Time since the boot.", lambda b, now: b.uptime(now), "seconds"),
    _Value("outpost_boots", "Boots of the board.", lambda b, now: b.boots, counter=True),
    _Value("outpost_heap_free", "Free heap.", lambda b, now: _part(b.heap, 0), "bytes"),
    _Value("outpost_heap_size", "All of the heap.", lambda b, now: _part(b.heap, 1), "bytes"),
    _Value("outpost_flash_free", "Free flash.", lambda b, now: _part(b.flash, 0), "bytes"),
    _Value("outpost_flash_size", "All of the flash.", lambda b, now: _part(b.flash, 1), "bytes"),
    _Value("outpost_rssi", "Strength of the radio's signal.", lambda b, now: b.rssi, "dbm"),
    _Value("outpost_clock_set", "1 where the clock is set.", lambda b, now: b.clock_set),
    _Value(
        "outpost_clock_offset", "What the last sync moved the clock by.",
        lambda b, now: _seconds(b.offset_ms), "seconds",
    ),
    _Value("outpost_ftp_sessions", "FTP sessions.", lambda b, now: b.sessions),
    _Value(
        "outpost_ftp_transfers", "Transfers since the boot.", lambda b, now: b.transfers,
        counter=True,
    ),
    _Value(
        "outpost_ftp_failures", "Transfers that failed since the boot.", lambda b, now: b.failed,
        counter=True,
    ),
    _Value(
        "outpost_ftp_stored", "Received by uploads since the boot.",
        lambda b, now: b.stored_bytes, "bytes", counter=True,
    ),
    _Value(
        "outpost_ftp_sent", "Sent by downloads since the boot.", lambda b, now: b.sent_bytes,
        "bytes", counter=True,
    ),
    _Value(
        "outpost_service_restarts", "Restarts of services since the boot.",
        lambda b, now: b.restarts, counter=True,
    ),
    _Value(
        "outpost_troubles", "What the board itself says is wrong, such as a service that failed.",
        lambda b, now: len(b.troubles),
    ),
)  # fmt: skip


def families(fleet: Fleet, connected: bool, now: float) -> Iterator[Metric]:
    """Yield the metric families of a Fleet.

    connected: whether the broker has sent all retained messages; if not, no board's state is
    known. now: seconds of the fleet's clock.
    """
    yield GaugeMetricFamily(
        "outpost_broker_connected", "1 while the broker is heard.", value=connected
    )
    boards = _distinct(fleet.boards.values()) if connected else {}
    conditions = {labels: board.condition(now) for labels, board in boards.items()}
    up = GaugeMetricFamily(
        "outpost_up", "1 while the board is online and its states come in time.", labels=_LABELS
    )
    told = StateSetMetricFamily(
        "outpost_condition", "Which of these the board is: late, where its states don't come.",
        labels=_LABELS,
    )  # fmt: skip
    for labels, condition in conditions.items():
        up.add_metric(labels, condition == ONLINE)
        told.add_metric(labels, {name: name == condition for name in _CONDITIONS})
    yield from (up, told)
    # The last values of a board that is offline, or has sent no state since, say nothing about
    # now.
    current = {
        labels: board
        for labels, board in boards.items()
        if conditions[labels] == ONLINE and board.current
    }
    yield _info(current)
    for value in _VALUES:
        family = value.family()
        for labels, board in current.items():
            number = value.of(board, now)
            if number is not None and not (value.counter and number < 0):
                family.add_metric(labels, number)
        yield family
    yield _phases(current)


def _distinct(boards: Iterable[Board]) -> dict[tuple[str, str], Board]:
    """Return (name, id) -> Board; if two ids look the same, the first."""
    found: dict[tuple[str, str], Board] = {}
    for board in boards:
        found.setdefault((safe(board.name), safe(board.id)), board)
    return found


def _info(boards: Mapping[tuple[str, str], Board]) -> InfoMetricFamily:
    family = InfoMetricFamily("outpost_board", "What the board runs, and where.", labels=_LABELS)
    for labels, board in boards.items():
        names = ("version", "outpost", "application", "address", "bundle")
        told = {name: getattr(board, name) for name in names}
        family.add_metric(labels, {key: safe(value) for key, value in told.items() if value})
    return family


def _phases(boards: Mapping[tuple[str, str], Board]) -> StateSetMetricFamily:
    family = StateSetMetricFamily(
        "outpost_update_phase", "Where the board's update stands.", labels=_LABELS
    )
    for labels, board in boards.items():
        if board.update is not None:
            family.add_metric(labels, {phase: phase == board.update for phase in _PHASES})
    return family
