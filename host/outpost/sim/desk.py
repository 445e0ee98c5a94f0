"""The desk on which a simulated board stands: its power, console, watchdog and reset."""

import codecs
import contextlib
import hashlib
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Self

from outpost import bundle
from outpost.sim import probe
from outpost.sim.boards import Profile, default
from outpost.sim.clock import Haste, clock_variables, forget_clock, power_on_offset
from outpost.sim.interpreters import heap_percent, heap_size, interpreter

_RESETS = ("reset", "watchdog", "sleep", "soft")  # what begins another life
_RESETS_WITHOUT_READY = 5  # in a row; a board that comes no further is dead
_CONSOLE_CHARS = 4 * 1024 * 1024
_UP_S = 10  # from power to boot.py


_Outcome = tuple[str, str | int]  # how a life ended, and its detail: see Board._life()


class BoardFailed(Exception):
    """The board died or did not do in time what was waited for; the text ends in its console."""


class Board:
    """A simulated board: start(), wait_ready(), stop(); safe to use from any thread.

    flash: path of a prepared image (outpost.sim.flash). ftp_port: where the board will accept
    logins, which makes it ready; None: nothing makes it ready. profile: which board it is, see
    boards.py; None: the default. heap: as -X heapsize= takes it; None: the profile's. bits: 32,
    64 or None for 32 where that can be. mounts: (host's folder, path on the board). clock: "2000"
    (where libfaketime is installed), "real" or a clock.Haste.
    cut_at_write: the flash write (programs and erases, from 1) at which the power fails.
    resets_without_ready: so many in a row are its death. journal: a file that gets every flash
    write, for outpost.sim.journal. air: a file of JSON, name -> password of the networks that its
    radio finds, which may change at any time; None: it finds whatever it looks for. say(text): is
    given the console's text as it comes, and what happens to the board as whole lines.

    state is one of: off, running, stopped (as asked), asleep (deep sleep), cut (power failed),
    killed, died; reason says why it died. resets counts from the last start(); programs and
    erases are what the last run wrote, heap_taken the heap's bytes that the simulator itself
    uses.
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
        self.flash = Path(flash).resolve()
        self.ftp_port = ftp_port
        self.profile = profile or default()
        self.interpreter = interpreter(bits)
        self.heap = heap or heap_size(self.profile, self.interpreter.bits)
        self.mounts = [(str(Path(folder).resolve()), path) for folder, path in mounts]
        self.clock = clock if self.interpreter.faketime else "real"
        self.cut_at_write = cut_at_write
        self.resets_without_ready = resets_without_ready
        self.journal = journal and str(Path(journal).resolve())
        self.air = air and str(Path(air).resolve())
        self.state = "off"
        self.reason = ""
        self.resets = 0
        self.reset_cause = "power"  # or one of _RESETS
        self.programs = self.erases = self.heap_taken = 0
        self._say: Callable[[str], object] = say or (lambda text: None)
        self._console = ""
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._offset: str | None = None  # of the clock
        # What the board keeps beyond a reset, not beyond a power cut.
        self._kept: dict[str, str] = {}
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
        self._offset = power_on_offset() if self.clock == "2000" else None
        self.reset_cause = "power"
        self._kept.clear()
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
            assert self._process  # it is up
            self.interpreter.press_ctrl_c(self._process)

    def kill(self) -> str:
        """Pull the plug, now, and return the state."""
        if self.state == "running":
            with self._changed:
                self._asked = "kill"
                self._changed.notify_all()
            self._cut_power()
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
        if not self._process:
            raise BoardFailed("the board was never started")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.state == "running":
            self.stop()

    # The thread that stands in for the hardware.

    def _run(self) -> None:
        try:
            self._live()
        except Exception as error:
            self._conclude("end", f"the simulator itself failed: {error!r}")
            raise

    def _live(self) -> None:
        """One life after the other, until one ends for good."""
        early = 0
        while True:
            outcome, detail = self._life()
            if outcome not in _RESETS or self._asked or (outcome == "sleep" and not detail):
                break
            if outcome == "sleep":
                with self._changed:
                    self._changed.wait_for(lambda: bool(self._asked), int(detail) / 1000)
            early = 0 if self._ready or self.ftp_port is None else early + 1
            if early == self.resets_without_ready:
                outcome = "end"
                detail = f"it reset {early} times in a row without becoming ready"
                break
            self._note(f"board: {outcome} reset, starting again")
            with self._changed:
                self._ready = False
                self.resets += 1
                self.reset_cause = outcome
                if outcome == "watchdog":
                    self._kept["bitten"] = "1"
        self._conclude(outcome, detail)

    def _conclude(self, outcome: str, detail: str | int) -> None:
        """Say in state and reason how the board ended."""
        if self._asked == "kill":
            state = "killed"
        elif outcome == "cut":
            state = "cut"
        elif outcome == "sleep" or (self._asked and outcome in _RESETS):
            state = "stopped" if self._asked else "asleep"
        elif outcome == "end" and not detail and self._asked:
            state = "stopped"
        else:
            state = "died"
            self.reason = str(detail or "main.py ended; a board would stand at its prompt")
        with self._changed:
            self.state = state
            self._changed.notify_all()

    def _life(self) -> _Outcome:
        """From power to its end; return (outcome, detail).

        outcome: one of _RESETS (detail of sleep: milliseconds, 0 for ever), "cut", or "end"
        (detail: what went wrong, or "").
        """
        wire, wire_end = os.pipe()
        over = threading.Event()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, wire)
            try:
                process = self._process = subprocess.Popen(
                    [*self.interpreter.command, "-X", f"heapsize={self.heap}", "-m", "_board"],
                    env=self._environment(wire_end),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[wire_end],
                    # Ctrl-C in the host's terminal reaches the board through interrupt() alone.
                    start_new_session=True,
                )
            finally:
                os.close(wire_end)
            stack.callback(forget_clock, process.pid)
            stack.enter_context(process)
            stack.callback(self._cut_power)
            stack.callback(self._up.clear)
            if self._asked == "kill":
                return "end", ""
            if self.ftp_port is not None:
                watcher = threading.Thread(
                    target=self._watch_logins, args=[self.ftp_port, over], daemon=True
                )
                watcher.start()
                stack.callback(watcher.join)
                stack.callback(over.set)
            assert process.stdout  # a pipe
            outcome = self._attend(wire, process.stdout)
            self._cut_power()
            self._drain(process.stdout)
            status = process.wait()
        if outcome is None:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            outcome = "end", f"the interpreter ended with {how}"
        return outcome

    def _attend(self, wire: int, stdout: IO[bytes]) -> _Outcome | None:
        """Copy the console and follow the wire until one of them ends this life."""
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        pending = b""
        fed_by = None  # time.monotonic() by which the watchdog wants to be fed
        watchdog_s = 0
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(wire, selectors.EVENT_READ)
            while True:
                left = None if fed_by is None else max(0, fed_by - time.monotonic())
                ready = [key.fileobj for key, _ in selector.select(left)]
                if not ready:
                    return "watchdog", ""
                if stdout in ready and not self._copy_console(stdout):
                    return None
                if wire not in ready:
                    continue
                received = os.read(wire, 4096)
                if not received:
                    selector.unregister(wire)
                pending += received
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    word, *values = line.decode().split()
                    if word == "feed":
                        fed_by = time.monotonic() + watchdog_s
                    elif word == "watchdog":
                        watchdog_s = int(values[0]) / 1000
                        fed_by = time.monotonic() + watchdog_s
                    elif word == "keep":
                        key, *value = values
                        self._kept[key] = bytes.fromhex("".join(value)).decode()
                    elif word == "clock":
                        self._offset = values[0]
                    elif word == "up":
                        self.heap_taken = int(values[0])
                        self._up.set()
                    elif word == "writes":
                        self.programs, self.erases = map(int, values)
                    elif word == "end":
                        if fed_by is not None and not self._asked:
                            continue  # a watchdog bites also who stands at the prompt
                        return "end", "" if values == ["1"] else "main.py raised an exception"
                    elif word == "fault":
                        return "end", " ".join(values)
                    elif word == "sleep":
                        return word, int(values[0])
                    else:
                        return word, ""

    def _environment(self, wire: int) -> dict[str, str]:
        settings = {
            "wire": wire,
            "flash": str(self.flash),
            "mounts": self.mounts,
            "cut_at": self.cut_at_write,
            "journal": self.journal,
            "air": self.air,
            "cause": self.reset_cause,
            "kept": self._kept,
            "id": hashlib.sha256(os.fsencode(self.flash)).hexdigest()[:12],
            "rules": self.profile.rules,
            "heap_percent": heap_percent(self.interpreter.bits),
        }
        library = self.interpreter.faketime
        if isinstance(self.clock, Haste):
            clock = self.clock.variables(library)
        else:
            clock = clock_variables(self._offset, library)
        return (
            os.environ
            | clock
            | {"MICROPYPATH": str(_compiled_board()), "OUTPOST_BOARD": json.dumps(settings)}
        )

    def _copy_console(self, stdout: IO[bytes]) -> bool:
        """Pass on what the board printed; False at its end."""
        data = os.read(stdout.fileno(), 65536)
        if data:
            text = self._decode(data)
            self._say(text)
            with self._changed:
                self._console += text
                if len(self._console) > 2 * _CONSOLE_CHARS:  # a board may run for weeks
                    self._console = self._console[-_CONSOLE_CHARS:]
                self._changed.notify_all()
        return bool(data)

    def _drain(self, stdout: IO[bytes]) -> None:
        while self._copy_console(stdout):
            pass

    def _watch_logins(self, ftp_port: int, over: threading.Event) -> None:
        if probe.wait_for_logins(ftp_port, over):
            with self._changed:
                self._ready = True
                self._changed.notify_all()
            self._note(f"FTP ready on 127.0.0.1:{ftp_port}")

    def _cut_power(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

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


def _compiled_board() -> Path:
    """The folder of board/'s modules, compiled: they share the device's heap."""
    cache = bundle.tree_root() / "build"
    code = {
        path.stem: bundle.compiled(path.read_bytes(), f"sim/{path.name}", cache / "mpy", 3)
        for path in Path(__file__).with_name("board").glob("*.py")
    }
    # A folder for each content: boards of another version may run at the same time.
    key = hashlib.sha256(b"".join(code[name] for name in sorted(code))).hexdigest()[:16]
    folder = cache / "sim" / f"board-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in code.items():
        target = folder / f"{name}.mpy"
        if not target.exists():
            part = target.with_suffix(f".{os.getpid()}")
            part.write_bytes(content)
            part.rename(target)
    return folder
