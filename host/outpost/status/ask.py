"""Gets a board's status over FTP: by SITE status, or by STAT if the board is too old for it."""

import contextlib
import ftplib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import NoReturn, TypeGuard, cast

from outpost.address import Address
from outpost.control import Control, session
from outpost.status.stat_text import Sections, parse

_UNHEALTHY = ("failed", "waiting")  # waiting: for its next start
_MOST = 1e15  # bytes; the board may send any number
LEAST = 0.05  # fraction of the heap or the flash that must be free


@dataclass
class Answer:
    """A board's status. sections: name -> key -> value; exact: False if STAT has rounded them."""

    sections: Sections = field(default_factory=dict[str, dict[str, object]])
    exact: bool = True

    @property
    def problems(self) -> list[str]:
        """Return the board's problems, each in a few words, the worst first."""
        return [*self._failing(), *self._update(), *self._unset(), *self._scarce()]

    def _of(self, section: str, key: str) -> object:
        return self.sections.get(section, {}).get(key)

    def _failing(self) -> Iterator[str]:
        if "rescue" in self.sections:
            yield f"rescue mode: {self._of('rescue', 'reason')}"
        for name, section in self.sections.items():
            error, problem = section.get("error"), section.get("problem")
            if section.get("state") in _UNHEALTHY:
                yield f"{name} {section['state']}" + (f": {error}" if error else "")
            elif problem and not (name == "time" and section.get("set") is False):
                yield f"{name}: {problem}"  # an unset clock has its own line
        telemetry = self.sections.get("telemetry", {})
        if telemetry.get("state") == "running" and telemetry.get("connected") is False:
            why = telemetry.get("last_error")
            yield "telemetry is down" + (f": {why}" if why else "")

    def _update(self) -> Iterator[str]:
        phase, to = self._of("update", "phase"), self._of("update", "to") or "?"
        if phase == "trial":
            yield f"update to {to} on trial"
        elif phase == "rolled-back":
            why = self._of("update", "reason")
            yield f"update to {to} rolled back" + (f": {why}" if why else "")

    def _unset(self) -> Iterator[str]:
        if self._of("config", "problems"):
            yield f"config.json: {self._of('config', 'problems')}"
        if self._of("config", "reason"):
            yield f"config.json was taken back: {self._of('config', 'reason')}"
        if self._of("time", "set") is False:
            why = self._of("time", "problem") or self._of("time", "last_error")
            yield "clock not set" + (f": {why}" if why else "")

    def _scarce(self) -> Iterator[str]:
        for name in ("heap", "flash"):
            share = free_share(self.sections.get(name, {}))
            if share is not None and share < LEAST:
                yield f"low {name}: {share:.1%} free"


def free_share(section: Mapping[str, object]) -> float | None:
    """Return the free fraction of heap or flash, 0 to 1; None if the values are missing."""
    free, total = section.get("free_bytes"), section.get("total_bytes")
    if not (_is_count(free) and _is_count(total)) or not total:
        return None
    return free / total


def _is_count(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and 0 <= value < _MOST


def ask(
    address: Address,
    login: tuple[str | None, str | None],
    *,
    context: SSLContext | None = None,
    timeout: float = 15,
) -> Answer:
    """Return the Answer of the board at an Address. Raises control.Unreachable.

    timeout: seconds for all of it. login: (user, password). context: an SSLContext if the scheme
    is ftps.
    """
    with session(address, login, context=context, timeout=timeout) as control:
        return asked(control)


def asked(control: Control) -> Answer:
    """Return the Answer over a logged-in control connection. Raises any of control.ERRORS."""
    # Use STAT if there is no such command, or if a section isn't JSON.
    with contextlib.suppress(ftplib.error_perm):
        sections = _read(control.sendcmd("SITE status"))
        if sections:
            return Answer(sections)
    return Answer(parse(control.sendcmd("STAT")), exact=False)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _read(reply: str) -> Sections | None:
    """Return the sections in the reply to SITE status; None if it has none, or an invalid line."""
    sections: Sections = {}
    for line in reply.splitlines()[:-1]:
        try:
            part = json.loads(line[4:], parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        if not _are_sections(part):
            return None
        sections |= part
    return sections or None


def _are_sections(part: object) -> TypeGuard[Sections]:
    return isinstance(part, dict) and all(
        isinstance(section, dict) for section in cast(dict[str, object], part).values()
    )
