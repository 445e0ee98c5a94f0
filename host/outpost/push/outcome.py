"""The outcome of a push, or of another job on one board, as shown by tables and --json."""

from dataclasses import asdict, dataclass, field
from typing import ClassVar

CONFIRMED, UNCHANGED, PLANNED = "confirmed", "unchanged", "planned"
ROLLED_BACK, FAILED, INTERRUPTED, SKIPPED = "rolled-back", "failed", "interrupted", "skipped"


@dataclass
class Ended:
    """The outcome of any job. result: a word. reason: why, if that isn't obvious."""

    board: str
    url: str
    result: str = SKIPPED
    reason: str = ""
    seconds: float = 0.0

    # The results that need no action by the user.
    GOOD: ClassVar[tuple[str, ...]] = ()

    @property
    def good(self) -> bool:
        """Whether this result needs no action by the user."""
        return self.result in self.GOOD

    def as_dict(self) -> dict[str, object]:
        """Return what JSON shows."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


@dataclass
class Outcome(Ended):
    """The outcome of a push. result: one of the words above.

    before, version: what ran before and what runs now, if known. place, remove: paths on the board
    that differ. sent, bytes: how many files and bytes were sent.
    """

    before: str | None = None
    version: str | None = None
    place: list[str] = field(default_factory=list[str])
    remove: list[str] = field(default_factory=list[str])
    sent: int = 0
    bytes: int = 0
    notes: list[str] = field(default_factory=list[str])

    GOOD = (CONFIRMED, UNCHANGED, PLANNED)
