"""How a push to one board ended: what the table and --json show."""

from dataclasses import asdict, dataclass, field

CONFIRMED, UNCHANGED, PLANNED = "confirmed", "unchanged", "planned"
ROLLED_BACK, FAILED, INTERRUPTED, SKIPPED = "rolled-back", "failed", "interrupted", "skipped"
_GOOD = (CONFIRMED, UNCHANGED, PLANNED)


@dataclass
class Outcome:
    """result: one of the words above; reason: why, where it isn't plain.

    before, version: what ran before and what runs now, as far as known. place, remove: paths on
    the board that differ. sent, bytes: how many files and bytes went over the network.
    """

    board: str
    url: str
    result: str = SKIPPED
    reason: str = ""
    before: str | None = None
    version: str | None = None
    place: list = field(default_factory=list)
    remove: list = field(default_factory=list)
    sent: int = 0
    bytes: int = 0
    seconds: float = 0.0
    notes: list = field(default_factory=list)

    @property
    def good(self):
        """Whether nobody has to do anything about that board."""
        return self.result in _GOOD

    def as_dict(self):
        """What JSON shows."""
        return asdict(self) | {"seconds": round(self.seconds, 1)}
