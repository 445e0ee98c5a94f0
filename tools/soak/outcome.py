"""What a day holds, and what it came to: plans, lives, a board at rest, all that was counted."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """What a day holds. rate: how many times as fast as the host's the board's clock runs."""

    hours: float = 24
    rate: int = 72
    transfers: int = 10_000
    logins: int = 1_000
    reboots: int = 50
    broker_restarts: int = 12


def day_of(hours):
    """The Plan of so many hours, as busy as a whole day."""
    share = hours / 24
    return Plan(
        hours=hours,
        transfers=round(10_000 * share),
        logins=round(1_000 * share),
        reboots=round(50 * share),
        broker_restarts=round(12 * share),
    )


SHORT = Plan(hours=0.4, rate=60, transfers=150, logins=15, reboots=2, broker_restarts=1)


@dataclass
class Rest:
    """A board at rest, nobody logged in: free heap in bytes, descriptors, listeners, and

    what waits on the loop's poll; free flash in bytes. hour: of the day.
    """

    hour: float
    heap: int
    descriptors: int
    listeners: int
    waiting: int
    flash: int


@dataclass
class Life:
    """From one boot to the next: hour of the day it began, and at rest early and late in it."""

    began: float
    early: Rest = None
    late: Rest = None
    programs: int = 0
    erases: int = 0


@dataclass
class Outcome:
    """What a day came to. heap: (hour, free bytes, sessions) of each state that telemetry told."""

    plan: Plan
    wall_s: float = 0
    hours: float = 0
    transfers: int = 0
    logins: int = 0
    late: int = 0
    aborted: int = 0
    wrong_passwords: int = 0
    syncs: int = 0
    failed_syncs: int = 0
    broker_restarts: int = 0
    connections: int = 0  # to the broker
    states: int = 0
    events: int = 0
    uncounted: int = 0  # transfers that the board's own count has not, or has beyond
    wrong: list = field(default_factory=list)
    crashes: list = field(default_factory=list)
    lives: list = field(default_factory=list)
    heap: list = field(default_factory=list)
    files_before: dict = field(default_factory=dict)  # path -> bytes
    files_after: dict = field(default_factory=dict)
