"""The verdict on an update: what a board's status means once the update was to be applied."""

from dataclasses import dataclass

from outpost.push.outcome import CONFIRMED, FAILED, ROLLED_BACK
from outpost.push.site_update import Status

APPLY_S = 60  # within which a board begins to apply, and answers so
_SETTLED = ("confirmed", "idle", "rescue")


@dataclass(frozen=True)
class Verdict:
    """How an update ended. result: a word of outcome.py; reason: why; note: for the person."""

    result: str
    reason: str = ""
    note: str | None = None


def verdict(status: Status, version: str, waited_s: float) -> Verdict | None:
    """The Verdict on an update to `version`, so long after APPLY; None where it is still open."""
    state, reason = status.state, status.reason or "the board doesn't say why"
    if state in ("trial", "applying") or (state == "staged" and waited_s < APPLY_S):
        return None
    if status.version == version and state in _SETTLED:
        return Verdict(CONFIRMED, note=f"in rescue mode: {reason}" if state == "rescue" else None)
    if state == "rolled-back":
        return Verdict(ROLLED_BACK, reason)
    if state == "rescue":
        return Verdict(FAILED, f"the board is in rescue mode: {reason}")
    if state == "staged":
        return Verdict(
            FAILED, "the board did not apply the update, though it was told to; push again"
        )
    return Verdict(FAILED, f"the board runs {status.version}, and its state is {state}: {reason}")


def progress(status: Status) -> str | None:
    """How far a trial is, for people; None where the update is not on trial."""
    if status.state != "trial":
        return None
    boots = f", boot {status.boots}" if status.boots else ""
    now = f": {status.reason}" if status.reason else ""
    return f"on trial{boots}{now}"
