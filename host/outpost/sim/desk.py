"""A simulated board and its power button: it starts, resets, ends; what anyone may wait for."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from outpost.sim import probe
from outpost.sim.boards import Profile
from outpost.sim.clock import Haste, power_on_offset
from outpost.sim.hardware import Hardware, Retained
from outpost.sim.life import Life
from outpost.sim.wire import RESETS, Ending

_RESETS_WITHOUT_READY = 5  # in a row; a board that comes no further is dead
_CONSOLE_CHARS = 4 * 1024 * 1024
_UP_S = 10  # from power to boot.py


class BoardFailed(Exception):
    """The board died or did not do in time what was waited for; the text ends in its console."""


class Board(Hardware):
    """A simulated board: start(), wait_ready(), stop(); safe to use from any thread.

    ftp_port: where the board will accept logins, which makes it ready; None: nothing makes it
    ready. resets_without_ready: so many in a row are its death. say(text): is given the console's
    text as it comes, and what happens to the board as whole lines. The others: see Hardware.

    state is one of: off, running, stopped (as asked), asleep (deep sleep), cut (power failed),
    killed, died; reason says why it died. resets counts from the last start(); programs and
    erases are what the last run wrote.
    """

    def __init__(
        self,
        flash: str | Path,
        *,
        ftp_port: int | None = None,
        profile: Profile | None = None,
        heap: int | str | None = None,
        bits: int | None = None,
        mounts: Iterable[tuple[str | Path, str]] = (),
        clock: str | Haste = "2000",
        cut_at_write: int = 0,
        resets_without_ready: int = _RESETS_WITHOUT_READY,
        journal: str | Path | None = None,
        air: str | Path | None = None,
        say: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__(
            flash, profile=profile, heap=heap, bits=bits, mounts=mounts, clock=clock,
            cut_at_write=cut_at_write, journal=journal, air=air,
        )  # fmt: skip
        self.ftp_port = ftp_port
        self.resets_without_ready = resets_without_ready
        self.state = "off"
        self.reason = ""
        self.resets = 0
        self.programs = self.erases = 0
        self._say: Callable[[str], object] = say or (lambda text: None)
        self._console = ""
        self._ready = False
        self._retained = Retained()
        self._life: Life | None = None  # the latest
        self._asked: str | None = None  # "stop" or "kill"
        self._up = threading.Event()  # boot.py begins
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # What anyone may ask of a board.

    def start(self) -> None:
        """Switch the power on."""
        if self.state == "running":
            raise BoardFailed("the board is already running")
        if self.ftp_port is not None:
            probe.require_free(self.ftp_port)
        self._retained = Retained(power_on_offset() if self.clock == "2000" else None)
        self.resets = 0
        self.reason = ""
        self._asked = None
        self._ready = False
        self.state = "running"
        self._thread = threading.Thread(target=self._run, daemon=True, name="board")
        self._thread.start()

    def wait_ready(self, timeout: float = 20) -> None:
        """Return once the board accepts logins. Raises BoardFailed."""
        self._wait(lambda: self._ready, timeout, "accept logins")

    def wait_console(self, text: str, timeout: float = 10, start: int = 0) -> int:
        """Return the console's length right after text, first found from start on.

        Raises BoardFailed when it doesn't come in time, or can't come any more.
        """
        self._wait(lambda: text in self.console[start:], timeout, f"print {text!r}")
        return self.console.index(text, start) + len(text)

    def wait_end(self, timeout: float | None = None) -> str:
        """Return the state in which the board ended. Raises BoardFailed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.state != "running", timeout):
                raise BoardFailed(f"the board did not end in {timeout} s\n{self._tail()}")
        if self._thread:
            self._thread.join()
        return self.state

    def stop(self, timeout: float = 10) -> str:
        """Stop as Ctrl-C does and return the state; kill what has not stopped in time.

        The first one may end an application alone; so it is pressed once more where it did.
        """
        self.interrupt()
        with contextlib.suppress(BoardFailed):
            return self.wait_end(timeout)
        self.interrupt()
        try:
            return self.wait_end(timeout)
        except BoardFailed:
            self.reason = f"did not stop within {timeout} s"
            return self.kill()

    def interrupt(self) -> None:
        """Press Ctrl-C on the board's console; main.py then stops its services."""
        with self._changed:
            self._asked = self._asked or "stop"
            self._changed.notify_all()
        if self._up.wait(_UP_S) and self.state == "running":
            assert self._life  # it is up
            self._life.press_ctrl_c()

    def kill(self) -> str:
        """Pull the plug, now, and return the state."""
        if self.state == "running":
            with self._changed:
                self._asked = "kill"
                self._changed.notify_all()
            if self._life:
                self._life.cut_power()
            self.wait_end()
        return self.state

    @property
    def console(self) -> str:
        """Everything printed since the first start(); of megabytes only the end."""
        return self._console

    @property
    def ready(self) -> bool:
        """Whether logins are accepted since the last reset."""
        return self._ready

    @property
    def pid(self) -> int:
        """Process id of the interpreter, which changes with each reset. Raises BoardFailed."""
        if not self._life:
            raise BoardFailed("the board was never started")
        return self._life.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.state == "running":
            self.stop()

    # The thread that stands in for the hardware.

    def _run(self) -> None:
        try:
            self._conclude(self._last_ending())
        except Exception as error:
            self._conclude(Ending("fault", fault=f"the simulator itself failed: {error!r}"))
            raise

    def _last_ending(self) -> Ending:
        """Live one life after the other; return the ending that was for good."""
        early = 0
        while True:
            ending = self._live()
            if ending.how not in RESETS or self._asked or _for_ever(ending):
                return ending
            if ending.how == "sleep":
                with self._changed:
                    self._changed.wait_for(lambda: bool(self._asked), ending.sleep_ms / 1000)
            early = 0 if self._ready or self.ftp_port is None else early + 1
            if early == self.resets_without_ready:
                fault = f"it reset {early} times in a row without becoming ready"
                return Ending("fault", fault=fault)
            self._note(f"board: {ending.how} reset, starting again")
            with self._changed:
                self._ready = False
                self.resets += 1
                self._retained.reset(ending.how)

    def _live(self) -> Ending:
        """Live one life, from power or reset to its end."""
        with Life(
            self,
            self._retained,
            up=self._up,
            stopping=lambda: bool(self._asked),
            printed=self._print,
        ) as life:
            self._life = life
            if self._asked == "kill":  # kill() may have seen only the life before
                life.cut_power()
            with probe.watching(self.ftp_port, self._accepts_logins):
                ending = life.follow()
        if life.writes:
            self.programs, self.erases = life.writes
        return ending

    def _conclude(self, ending: Ending) -> None:
        """Say in state and reason how the board ended."""
        if self._asked == "kill":
            state = "killed"
        elif ending.how == "cut":
            state = "cut"
        elif ending.how == "sleep" or (self._asked and ending.how in RESETS):
            state = "stopped" if self._asked else "asleep"
        elif not ending.fault and self._asked:
            state = "stopped"
        else:
            state = "died"
            self.reason = ending.fault or "main.py ended; a board would stand at its prompt"
        with self._changed:
            self.state = state
            self._changed.notify_all()

    def _accepts_logins(self) -> None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()
        self._note(f"FTP ready on 127.0.0.1:{self.ftp_port}")

    def _print(self, text: str) -> None:
        self._say(text)
        with self._changed:
            self._console += text
            if len(self._console) > 2 * _CONSOLE_CHARS:  # a board may run for weeks
                self._console = self._console[-_CONSOLE_CHARS:]
            self._changed.notify_all()

    def _note(self, line: str) -> None:
        in_mid_line = self._console and not self._console.endswith("\n")
        self._say(("\n" if in_mid_line else "") + line + "\n")

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            met = self._changed.wait_for(lambda: condition() or self.state != "running", timeout)
            if condition():
                return
        how = f"in {timeout} s" if not met else f"before it {self.state}: {self.reason}"
        raise BoardFailed(f"the board did not {what} {how}\n{self._tail()}")

    def _tail(self) -> str:
        return f"--- its console ends:\n{self._console[-4000:]}"


def _for_ever(ending: Ending) -> bool:
    """Whether it is a deep sleep that no timer ends."""
    return ending.how == "sleep" and not ending.sleep_ms
