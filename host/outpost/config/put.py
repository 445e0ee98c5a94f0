"""The steps of `outpost config put` on one board: upload, reboot, wait for the verdict."""

import contextlib
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import NoReturn, cast

from outpost.address import Address
from outpost.boards import Board
from outpost.push.job import Job
from outpost.push.outcome import UNCHANGED, Ended
from outpost.push.session import Lost, PushError, Refused, Session

PROVEN, REVERTED = "proven", "reverted"
CONFIG = "/config.json"
_POLL_S = 2.0
_REFUSED_S = 20.0  # after a wrong password, because ten of them lock this computer out
_WAITS = "the board runs what it ran; the new config.json is tried at its next boot"
_TRIED = "the board proves the new configuration or goes back by itself"
_FINE = "No problem found."


@dataclass
class Outcome(Ended):
    """The outcome of a put. problems: what the board finds wrong in the file."""

    problems: list[str] = field(default_factory=list[str])

    GOOD = (PROVEN, UNCHANGED)


class Put(Job[Outcome]):
    """Brings a config.json, bytes, onto a Board; call run() once.

    force: even if the board finds problems in it. timeout_s: from the reboot to the verdict. stop:
    a threading.Event that ends it.
    """

    def __init__(
        self,
        board: Board,
        content: bytes,
        *,
        context: SSLContext | None = None,
        force: bool = False,
        timeout_s: float = 900,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(Outcome(board.label, str(board.address)), stop)
        self._addresses = _addresses(board.address, content)
        self._content = content
        self._context = context
        self._force = force
        self._timeout_s = timeout_s

    def _bring(self) -> str:
        session = self._session = Session(self._addresses[0], self._context)
        state = self._state()["state"]
        digest = hashlib.sha256(self._content).hexdigest()
        if state == PROVEN and session.sha256(CONFIG, len(self._content)) == digest:
            return UNCHANGED
        session.send(CONFIG, self._content)
        self._left = _WAITS
        lines = session.site("config check")
        self.outcome.problems = [] if _FINE in lines else lines[1:]
        if self.outcome.problems and not self._force:
            self._put_back()
        with contextlib.suppress(Lost):  # the board may restart before it has replied
            session.site("shutdown -r")
        self._left = _TRIED
        self._leave()
        return self._watch()

    def _put_back(self) -> NoReturn:
        """Revert the upload, in which the board found problems, so that it isn't tried."""
        said = "; ".join(self.outcome.problems)
        try:
            self._logged_in.site("config revert")
            self._left = "the proven one is back in its place"
        except Refused as refused:
            said += f" ({refused})"
        raise PushError(f"the board says: {said}; --force has it tried all the same")

    def _state(self) -> dict[str, str]:
        """Return key -> value of the reply to SITE config: state and reason."""
        try:
            lines = self._logged_in.site("config")
        except Refused as refused:
            if refused.code == 504:
                raise PushError("its Outpost knows no trials of a configuration") from None
            raise
        return {line.partition(" ")[0]: line.partition(" ")[2] for line in lines}

    def _watch(self) -> str:
        """Wait until the board has proven it or gone back; return the result."""
        began = time.monotonic()
        last = "it has not come back since"
        turn = 0
        while True:
            self._pause(_POLL_S)
            address = self._addresses[turn % len(self._addresses)]
            try:
                self._session = Session(address, self._context)
                found = self._state()
                last = f"its configuration is {found['state']}"
                if found["state"] == PROVEN:
                    return PROVEN
                if found["state"] == REVERTED:
                    self.outcome.reason = found.get("reason", "")
                    return REVERTED
            except Lost:
                turn += 1
            except PushError as error:  # a refused login: the other password may work
                turn += 1
                last = str(error)
                if turn % len(self._addresses) == 0:
                    self._pause(_REFUSED_S)
            self._leave()
            if time.monotonic() - began > self._timeout_s:
                raise PushError(f"neither proven nor reverted in {self._timeout_s:g} s: {last}")


def _addresses(address: Address, content: bytes) -> list[Address]:
    """Return the addresses of the board: the present one, and the one of the new configuration."""
    found = [address]
    try:
        ftp = _object(_object(json.loads(content)).get("ftp"))
    except ValueError:
        return found
    user = _object(_object(ftp.get("users")).get(address.user or ""))
    password = user.get("password")
    if not isinstance(password, str) or password.startswith("pbkdf2-"):
        password = address.password
    port = ftp.get("port")
    for new in (
        replace(address, password=password),
        replace(address, port=port) if isinstance(port, int) else address,
        replace(address, password=password, port=port) if isinstance(port, int) else address,
    ):
        if new not in found:
            found.append(new)
    return found


def _object(value: object) -> dict[str, object]:
    """Return a JSON object; {} in place of any other value, which the board will refuse."""
    return cast(dict[str, object], value) if isinstance(value, dict) else {}
