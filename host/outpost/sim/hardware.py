"""The hardware of a simulated board: what its interpreter starts with, and what a reset keeps."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from outpost import bundle
from outpost.sim.boards import Profile, default
from outpost.sim.clock import Haste, clock_variables
from outpost.sim.interpreters import heap_percent, heap_size, interpreter


@dataclass
class Retained:
    """What a board keeps beyond a reset, not beyond a power cut.

    cause: of its latest start: "power", or one of wire.RESETS. clock: what to add to the host's,
    see clock.py; None: nothing. values: those that machine.py asked to keep, by their names.
    """

    clock: str | None = None
    cause: str = "power"
    values: dict[str, str] = field(default_factory=dict[str, str])

    def reset(self, cause: str) -> None:
        """Note a reset."""
        self.cause = cause
        if cause == "watchdog":
            self.values["bitten"] = "1"


class Hardware:
    """What a simulated board is built of; whatever is changed later counts from its next start.

    flash: path of a prepared image (outpost.sim.flash). profile: which board it is, see
    boards.py; None: the default. heap: as -X heapsize= takes it; None: the profile's. bits: 32,
    64 or None for 32 where that can be. mounts: (host's folder, path on the board). clock: "2000"
    (where libfaketime is installed), "real" or a clock.Haste.
    cut_at_write: the flash write (programs and erases, from 1) at which the power fails.
    journal: a file that gets every flash write, for outpost.sim.journal. air: a file of JSON,
    name -> password of the networks that its radio finds, which may change at any time; None: it
    finds whatever it looks for.
    """

    def __init__(
        self,
        flash: str | Path,
        *,
        profile: Profile | None = None,
        heap: int | str | None = None,
        bits: int | None = None,
        mounts: Iterable[tuple[str | Path, str]] = (),
        clock: str | Haste = "2000",
        cut_at_write: int = 0,
        journal: str | Path | None = None,
        air: str | Path | None = None,
    ) -> None:
        self.flash = Path(flash).resolve()
        self.profile = profile or default()
        self.interpreter = interpreter(bits)
        self.heap = heap or heap_size(self.profile, self.interpreter.bits)
        self.mounts = [(str(Path(folder).resolve()), path) for folder, path in mounts]
        self.clock = clock if self.interpreter.faketime else "real"
        self.cut_at_write = cut_at_write
        self.journal = journal and str(Path(journal).resolve())
        self.air = air and str(Path(air).resolve())

    @property
    def command(self) -> list[str]:
        """The command line of the interpreter."""
        return [*self.interpreter.command, "-X", f"heapsize={self.heap}", "-m", "_board"]

    def environment(self, retained: Retained, wire: int) -> dict[str, str]:
        """The environment of the interpreter; wire: the descriptor that it tells the host on."""
        settings = {
            "wire": wire,
            "flash": str(self.flash),
            "mounts": self.mounts,
            "cut_at": self.cut_at_write,
            "journal": self.journal,
            "air": self.air,
            "cause": retained.cause,
            "kept": retained.values,
            "id": hashlib.sha256(os.fsencode(self.flash)).hexdigest()[:12],
            "rules": self.profile.rules,
            "heap_percent": heap_percent(self.interpreter.bits),
        }
        library = self.interpreter.faketime
        if isinstance(self.clock, Haste):
            clock = self.clock.variables(library)
        else:
            clock = clock_variables(retained.clock, library)
        return (
            os.environ
            | clock
            | {"MICROPYPATH": str(_compiled_board()), "OUTPOST_BOARD": json.dumps(settings)}
        )


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
