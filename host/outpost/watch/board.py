"""What is known of one board: what it told last, whether it is late, whether it restarts often."""

from collections import deque
from dataclasses import dataclass, field

_REPEATS = 64  # events of a board that are recognised when they come again
_STALE_S = 90  # a board ends a transfer of which nothing was heard for so long
_EVERY_S = 60  # between two states, where a board doesn't tell
_LATE = 2.5  # intervals without a state
_OFTEN, _OFTEN_S = 3, 3600  # so many restarts in so long are too many
_RESTARTS = 100  # that are remembered

ONLINE, OFFLINE, LATE, UNKNOWN = "online", "offline", "late", "unknown"


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

    def drop_stale(self, now: float) -> None:
        """Forget the transfers whose end was missed."""
        for key, transfer in list(self.running.items()):
            if now - transfer.heard > _STALE_S:
                del self.running[key]
