"""How a push, or another job on one board, ended: what tables and --json show."""

from dataclasses import asdict, dataclass, field
from typing import ClassVar

CONFIRMED, UNCHANGED, PLANNED = "confirmed", "unchanged", "planned"
ROLLED_BACK, FAILED, INTERRUPTED, SKIPPED = "rolled-back", "failed", "interrupted", "skipped"


@dataclass
class Ended:
    """What each job tells. result: a word; reason: why, where it isn't plain."""

    board: str
    url: str
    result: str = SKIPPED
    reason: str = ""
    seconds: float = 0.0

    # The results after which nobody has to do anything about that board.
    GOOD: ClassVar[tuple[str, ...]] = ()

    @property
    def good(self) -> bool:
        """Whether nobody has to do anything about that board."""
        return self.result in self.GOOD

    def as_dict(self) -> dict[str, object]:
        """What JSON shows."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


@dataclass
class Outcome(Ended):
    """Of a push. result: one of the words above.

    before, version: what ran before and what runs now, as far as known. place, remove: paths on
    the board that differ. sent, bytes: how many files and bytes went over the network.
    """

    before: str | None = None
    version: str | None = None
    place: list[str] = field(default_factory=list[str])
    remove: list[str] = field(default_factory=list[str])
    sent: int = 0
    bytes: int = 0
    notes: list[str] = field(default_factory=list[str])

    GOOD = (CONFIRMED, UNCHANGED, PLANNED)
