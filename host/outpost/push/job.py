"""A job on one board: what a push and a put have in common: session, interruption, outcome.

waves.py runs many of them.
"""

import threading
import time
from typing import Generic, TypeVar

from outpost.push.outcome import FAILED, INTERRUPTED, Ended
from outpost.push.session import PushError, Session

_Ended = TypeVar("_Ended", bound=Ended)
UNTOUCHED = "nothing was changed"


class Stopped(Exception):
    """The job must end, because `stop` was set."""


class Job(Generic[_Ended]):
    """Call run() once. A subclass implements _bring(), which returns the word for the result.

    outcome: an outcome.Ended. stop: a threading.Event that ends it.
    """

    def __init__(self, outcome: _Ended, stop: threading.Event | None = None) -> None:
        self.outcome = outcome
        self._stop = stop or threading.Event()
        self._session: Session | None = None
        self._left = UNTOUCHED  # the board's state if the job ends now

    def run(self) -> _Ended:
        """Run the job; return the outcome. Errors are reported there, not raised."""
        began = time.monotonic()
        outcome = self.outcome
        try:
            outcome.result = self._bring()
        except Stopped:
            outcome.result, outcome.reason = INTERRUPTED, self._left
        except PushError as error:
            outcome.result, outcome.reason = FAILED, f"{error} ({self._left})"
        except Exception as error:  # a bug here must not prevent the report on other boards
            outcome.result = FAILED
            outcome.reason = f"internal error, please report it: {type(error).__name__}: {error}"
        finally:
            self._leave()
            outcome.seconds = time.monotonic() - began
        if outcome.result == FAILED and self._stop.is_set():
            outcome.result, outcome.reason = INTERRUPTED, self._left
        return outcome

    def abort(self) -> None:
        """Interrupt the present wait. Called from another thread, when `stop` is set."""
        session = self._session
        if session:
            session.abort()

    @property
    def _logged_in(self) -> Session:
        """The session, which must exist."""
        assert self._session
        return self._session

    def _bring(self) -> str:
        raise NotImplementedError

    def _pause(self, seconds: float) -> None:
        """Wait; raises Stopped if the job must end."""
        if self._stop.wait(seconds):
            raise Stopped

    def _leave(self) -> None:
        session, self._session = self._session, None
        if session:
            session.close()
