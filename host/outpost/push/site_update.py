"""SITE UPDATE of one board: what it says of its update, and what its refusals mean."""

from dataclasses import dataclass, fields

from outpost.push.content import Content
from outpost.push.session import Lost, PushError, Refused, Session


@dataclass(frozen=True)
class Status:
    """What SITE UPDATE STATUS tells, word by word; None is what the board doesn't know.

    state: of the update: idle, staged, applying, trial, confirmed, rolled-back, rescue. version:
    what the last update brought. outpost, application: what runs. to: the version of the update
    at hand. boots: of its trial. free: bytes of flash. mpy: which .mpy files the board loads.
    """

    state: str | None = None
    version: str | None = None
    outpost: str | None = None
    application: str | None = None
    to: str | None = None
    boots: str | None = None
    reason: str | None = None
    free: str | None = None
    mpy: str | None = None

    def running(self, content: Content) -> str | None:
        """What the board runs of what is pushed: Outpost's version, or the application's."""
        if self.version == content.version:
            return self.version
        # Before 0.2.0 a board told only of the last update, whichever that was.
        if not self.outpost:
            return self.version
        return self.outpost if content.outpost else self.application


_KEYS = {field.name for field in fields(Status)}


def status(session: Session) -> Status:
    """What SITE UPDATE STATUS tells. Raises PushError, Lost."""
    try:
        lines = session.site("UPDATE STATUS")
    except Refused as refused:
        if refused.code == 501:  # it still works for a session that was lost
            raise Lost(str(refused)) from None
        raise _translated(session, "STATUS", refused) from None
    said: dict[str, str | None] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        if key in _KEYS:
            said[key] = None if value == "-" else value
    return Status(**said)


def command(session: Session, name: str, patience_s: float = 0) -> None:
    """Give a command of SITE UPDATE, such as APPLY; patience_s: beyond the usual time.

    Raises PushError, Lost, Busy.
    """
    try:
        session.site(f"UPDATE {name}", patience_s)
    except Refused as refused:
        raise _translated(session, name, refused) from None


def _translated(session: Session, name: str, refused: Refused) -> PushError:
    """What a refusal of SITE UPDATE means to a person."""
    if refused.code == 550 and name == "STATUS":
        return PushError(f"{session.user} is no admin there, and only admins may update")
    if refused.code == 504:
        return PushError(
            "this Outpost takes no updates: it is an older one, for which `outpost deploy` "
            'is the way, or its config.json has "update": null'
        )
    return PushError(f"SITE UPDATE {name}: {refused}")
