"""A board at a serial port: lists and changes its files, through mpremote's commands."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from serial.tools import list_ports

from outpost import serial_scripts
from outpost.bundle import DeviceFile

STAGED = ".new"  # suffix of a copied file's name until all files are there
_ANSWER_S = 60  # Outpost gives each service 5 s to stop, and hashing a full flash takes time
_CHUNK_S = 20
_BYTES_PER_S = 300  # slower than 115,200 baud with every byte escaped
_STEPS = 24  # paths per script: its text must fit in the heap of a busy board


class BoardError(Exception):
    """A deployment to the board is impossible; the text says why and what to do."""


class ConnectionLost(BoardError):
    """The connection to the board was lost; a retry may help."""


@dataclass
class Found:
    """A board's files: path -> SHA-256 in hex; sizes in bytes; mpy: the version that it loads."""

    hashes: dict[str, str] = field(default_factory=dict[str, str])
    name: str = ""
    mpy: int = 0
    block: int = 4096
    free: int = 0


class SerialBoard:
    """A board whose REPL is at a serial port. port: as in mpremote's connect.

    Methods raise BoardError. All of them interrupt the board's program, with `resume`: a soft
    reset would end the timer that feeds the watchdog after Ctrl-C (hal.feed_from_timer()), and the
    board would reset within 8 s, in the middle of a copy.
    """

    def __init__(self, port: str) -> None:
        self.port = port
        self.reached = False  # it has replied, so its program is interrupted

    def look(self, folders: Iterable[str], paths: Iterable[str]) -> Found:
        """Return Found: the modules in folders and below, and those of paths that exist."""
        calls = f"look(walk, {tuple(folders)!r})\nlook(show, {tuple(paths)!r})\nprint('end')"
        script = serial_scripts.LOOK + calls
        found = Found()
        lines = self._mpremote("exec", script, seconds=_ANSWER_S).splitlines()
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "file":
                digest, _, path = rest.partition(" ")
                found.hashes[path] = digest
            elif kind == "board":
                found.name = rest
            elif kind == "mpy":
                found.mpy = int(rest)
            elif kind == "flash":
                found.block, found.free = map(int, rest.split())
        if "end" not in lines:
            raise ConnectionLost(f"the board at {self.port} stopped in mid answer")
        return found

    def examine(self, path: str) -> tuple[int, bytes | None]:
        """Return (total bytes of heap, the content of a file or None)."""
        lines = self._mpremote(
            "exec", serial_scripts.EXAMINE.format(path), seconds=_ANSWER_S
        ).splitlines()
        if "end" not in lines:
            raise ConnectionLost(f"the board at {self.port} stopped in mid answer")
        heap = next(int(line[5:]) for line in lines if line.startswith("heap "))
        content = b"".join(bytes.fromhex(line[4:]) for line in lines if line.startswith("hex "))
        return heap, content if "content" in lines else None

    def copy(self, files: Sequence[DeviceFile], say: Callable[[str], object]) -> None:
        """Copy DeviceFiles, each under its path with the suffix STAGED.

        say(path) is called at the beginning of each.
        """
        folders = sorted({parent for file in files for parent in _parents(file.path)})
        commands = ["exec", serial_scripts.FOLDERS.format(tuple(folders))]
        with tempfile.TemporaryDirectory() as here:
            for number, file in enumerate(files):
                Path(here, str(number)).write_bytes(file.content)
                commands += ["+", "fs", "cp", "-f", str(number), f":{file.path}{STAGED}"]

            def heard(line: str) -> None:
                words = line.split(" :", 1)
                if line.startswith("cp ") and len(words) == 2:
                    say(words[1].removesuffix(STAGED))

            largest = max(len(file.content) for file in files)
            seconds = _CHUNK_S + largest // _BYTES_PER_S
            self._mpremote(*commands, seconds=seconds, folder=here, heard=heard)

    def switch(self, steps: Sequence[str]) -> None:
        """Do steps in order: "+/path" puts a staged file in place, "-/path" deletes a file."""
        commands = ["exec", serial_scripts.SWITCH]
        for start in range(0, len(steps), _STEPS):
            commands += ["+", "exec", f"switch(*{steps[start : start + _STEPS]!r})"]
        self._mpremote(*commands, "+", "exec", serial_scripts.SYNC, seconds=_ANSWER_S)

    def reset(self) -> None:
        """Restart the board, as its button does."""
        self._mpremote("reset", seconds=_ANSWER_S)

    def _mpremote(
        self,
        *commands: str,
        seconds: float,
        folder: str | None = None,
        heard: Callable[[str], object] | None = None,
    ) -> str:
        """Run mpremote and return its output; heard(line) gets each line as it comes.

        seconds: the longest time without output.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "mpremote", "connect", self.port, "resume", *commands],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            cwd=folder,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        lines: list[str] = []
        patience = _Patience(seconds, process.kill)
        with process, patience:
            try:
                assert process.stdout  # a pipe
                for line in process.stdout:
                    patience.renew()
                    lines.append(line)
                    if heard:
                        heard(line.rstrip())
                process.wait()
            finally:
                process.kill()
        text = "".join(lines)
        if process.returncode:
            raise self._failure(text, patience.lost)
        self.reached = True
        return text

    def _failure(self, text: str, silent: bool) -> BoardError:
        """Return the exception for what mpremote printed before it ended."""
        last = (text.strip().splitlines() or ["mpremote was ended"])[-1]
        if "failed to access" in text or "no device" in text:
            # If the board replied before, it is restarting, or a modem manager has opened the
            # port.
            kind = ConnectionLost if self.reached else BoardError
            return kind(self._why_no_port(last))
        if silent or "raw repl" in text:
            # If it was silent from the start, a retry won't help; otherwise it may have been
            # reset.
            kind = ConnectionLost if self.reached or not silent else BoardError
            return kind(
                f"no MicroPython answers at {self.port}: press the board's reset button and "
                "deploy again; if that does not help, see that MicroPython's firmware is on it"
            )
        self.reached = True
        if "ENOSPC" in text or "No space left" in text or "OSError: 28" in text:
            return BoardError("the board's flash is full: remove files from it and deploy again")
        copying = last.startswith("mpremote: cp: ") and "transport" not in text
        if copying or '"<stdin>"' in text:
            return BoardError(f"the board refused: {last.removeprefix('mpremote: ')}")
        return ConnectionLost(f"the connection to {self.port} broke ({last})")

    def _why_no_port(self, said: str) -> str:
        """Return why a port could not be opened; mpremote reports all reasons alike."""
        if not self.has_path:
            return f"no board: {said.removeprefix('mpremote: ')}"
        if not os.path.exists(self.port):
            ports = ", ".join(sorted(port.device for port in list_ports.comports()))
            return (
                f"there is no {self.port}; serial ports here: {ports or 'none'}. Is the board "
                "plugged in, with a cable that carries data?"
            )
        if not os.access(self.port, os.R_OK | os.W_OK):
            return (
                f"you may not open {self.port}: join the group that owns it (`ls -l {self.port}`; "
                "often dialout) and log in again"
            )
        return (
            f"{self.port} can't be opened: another program has it (a serial monitor, an editor?), "
            "or it is no serial port. Close that program and deploy again"
        )

    @property
    def has_path(self) -> bool:
        """Whether the port is a file; false for auto, id:... and Windows's names."""
        return self.port.startswith("/")

    @property
    def there(self) -> bool:
        """Whether the port exists; always true if it isn't a file."""
        return not self.has_path or os.path.exists(self.port)


class _Patience:
    """Calls give_up after `seconds` without renew(); lost tells whether it did.

    Needed because mpremote waits for ever for a board that accepts bytes and doesn't reply.
    """

    def __init__(self, seconds: float, give_up: Callable[[], object]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._timer: threading.Timer | None = None
        self.lost = False

    def renew(self) -> None:
        self.__exit__()
        self._timer = threading.Timer(self._seconds, self._end)
        self._timer.start()

    def _end(self) -> None:
        self.lost = True
        self._give_up()

    def __enter__(self) -> Self:
        self.renew()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._timer:
            self._timer.cancel()


def _parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, such as /services, /services/ftp."""
    at = path.find("/", 1)
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)
