"""`outpost deploy`: installs Outpost on a board at a serial port; copies only what changed."""

import functools
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from outpost import bundle, certificate
from outpost.bundle import DeviceFile, earlier, maps
from outpost.dependencies import NotForBoards, require_real
from outpost.serial_board import STAGED, BoardError, ConnectionLost, Found, SerialBoard

CONFIG = "/config.json"
OURS = tuple(f"/{folder}" for folder in bundle.FOLDERS)  # no file of a user is in there
LOOKED_INTO = (*OURS, *earlier.SHARED)
_ATTEMPTS = 3
_RETURN_S = 15  # the longest time that a reset board's USB port is gone
_PAUSE_S = 0.5


@dataclass
class Plan:
    """The work of a deployment; all are lists.

    copy: DeviceFiles to stage. place: the files to put in place, in order. unchanged: files that
    are kept. remove: paths of modules to delete. stale: paths of files that an interrupted
    deployment has staged.
    """

    copy: list[DeviceFile]
    place: list[DeviceFile]
    unchanged: list[DeviceFile]
    remove: list[str]
    stale: list[str]

    @property
    def steps(self) -> list[str]:
        """The steps for SerialBoard.switch(). Interrupted anywhere, the board has a whole Outpost.

        A module's twin is removed right after the module is put in place. Plain files are in use
        on a board while all of them exist: see archive.py there. boot.py, which handles archives,
        is put in place before they are removed.
        """
        removed = list(self.remove)
        steps = [f"-{path}" for path in self.stale]
        # The boot files come last, when all that they need is in place.
        last = [file for file in self.place if file.path.lstrip("/") in bundle.SOURCE_ONLY]
        others = [file for file in self.place if file not in last]
        for file in sorted(others, key=lambda file: earlier.counts_last(file.path)):
            steps.append(f"+{file.path}")
            if file.twin in removed:
                removed.remove(file.twin)
                steps.append(f"-{file.twin}")
        steps += [f"+{file.path}" for file in last]
        return steps + [f"-{path}" for path in earlier.in_order(removed)]

    def summary(self, dry_run: bool) -> str:
        """Return a summary in one line."""
        copied, removed = ("to copy", "to remove") if dry_run else ("copied", "removed")
        files = "file" if len(self.place) == 1 else "files"
        return (
            f"{len(self.place)} {files} {copied}, {len(self.unchanged)} unchanged, "
            f"{len(self.remove)} {removed}" + ("; nothing was changed" if dry_run else "")
        )


def make_plan(
    files: Collection[DeviceFile], found: Found, packages: Iterable[DeviceFile] = ()
) -> Plan:
    """Compare a bundle with the result of SerialBoard.look(). packages: see earlier.left()."""
    there = found.hashes
    unchanged = [file for file in files if there.get(file.path) == file.sha256]
    place = [file for file in files if file not in unchanged]
    staged = {file.path + STAGED: file for file in place}
    remove = {file.twin for file in files if file.twin in there}
    remove.update(earlier.left(there, files, packages, there.get))
    return Plan(
        copy=[file for name, file in staged.items() if there.get(name) != file.sha256],
        place=place,
        unchanged=unchanged,
        remove=sorted(remove),
        stale=sorted(
            path
            for path in there
            if path.endswith(STAGED)
            and path not in staged
            and (path.startswith(OURS) or path in places(files))
        ),
    )


def places(files: Iterable[DeviceFile]) -> list[str]:
    """Return all paths outside OURS where a deployment may have left a relevant file."""
    paths = [CONFIG]
    for file in files:
        if not file.path.startswith(tuple(f"{folder}/" for folder in OURS)):
            paths += [file.path, *([file.twin] if file.twin else [])]
    paths = list(dict.fromkeys([*paths, *earlier.PLACES]))
    return paths + [path + STAGED for path in paths]


def bring(
    board: SerialBoard,
    files: Collection[DeviceFile],
    *,
    packages: Iterable[DeviceFile] = (),
    dry_run: bool,
    say: Callable[[str], object],
) -> bool:
    """Install files on a SerialBoard; return whether config.json exists. Raises BoardError.

    packages: see earlier.left().
    """
    found = board.look(LOOKED_INTO, places(files))
    say(f"board: {found.name}")
    require_loadable(files, found)
    plan = make_plan(files, found, packages)
    if dry_run:
        for verb, paths in (("copy", [file.path for file in plan.place]), ("remove", plan.remove)):
            for path in paths:
                say(f"would {verb} {path}")
    else:
        carry_out(board, plan, found, say)
    say(plan.summary(dry_run))
    return CONFIG in found.hashes or any(file.path == CONFIG for file in files)


def carry_out(board: SerialBoard, plan: Plan, found: Found, say: Callable[[str], object]) -> None:
    """Stage the files to copy, verify that they arrived whole, then put all in place.

    If it is interrupted before the last step, the board still runs what it had.
    """
    if plan.copy:
        require_space(plan.copy, found)
        count = iter(range(1, len(plan.copy) + 1))
        board.copy(plan.copy, lambda path: say(f"copying {next(count)}/{len(plan.copy)} {path}"))
        arrived = board.look((), [file.path + STAGED for file in plan.copy]).hashes
        damaged = [f.path for f in plan.copy if arrived.get(f.path + STAGED) != f.sha256]
        if damaged:
            raise ConnectionLost(f"damaged on their way to the board: {', '.join(damaged)}")
    for path in plan.remove:
        say(f"removing {path}")
    if plan.steps:
        board.switch(plan.steps)


def require_loadable(files: Iterable[DeviceFile], found: Found) -> None:
    """Raise BoardError if the board's interpreter can't load the compiled modules."""
    why = bundle.unloadable(files, found.mpy)
    if why:
        raise BoardError(
            f"the board ({found.name}) {why}: deploy with --source, or install the mpy-cross of "
            "the board's MicroPython release"
        )


def require_space(files: Collection[DeviceFile], found: Found) -> None:
    """Raise BoardError if there is no space to stage the files."""
    room = bundle.room_for(files, map(os.path.dirname, found.hashes), found.block)
    if room > found.free:
        raise BoardError(
            f"the board's flash is too full: {room // 1024} KiB are needed, "
            f"{found.free // 1024} KiB are free; remove files from the board "
            "(`mpremote connect PORT resume fs tree -h` shows them) and deploy again"
        )


def certified(names: Sequence[str], *, dry_run: bool, configured: bool) -> list[DeviceFile]:
    """Return a new certificate and its key as DeviceFiles; write a file for clients.

    configured: whether this deployment brings a config.json, which then enables TLS.
    """
    try:
        pair = certificate.make(names)
    except ValueError as error:
        raise click.UsageError(f"--tls: {error}") from None
    for_clients = Path(f"{names[0].replace(':', '-')}.pem")
    if not dry_run:
        for_clients.write_text(pair.pem)
        click.echo(f"certificate for clients: {for_clients}, SHA-256 {pair.fingerprint}")
    if not configured:
        click.echo('for TLS the board\'s config.json needs "tls": {} in "ftp"', err=True)
    return pair.files


def read_config(path: Path, *, tls: bool = False) -> DeviceFile:
    """Return config.json as a DeviceFile. tls: enable TLS in it, unless it has a setting for that.

    Raises click.ClickException if the file is invalid.
    """
    content = path.read_bytes()
    try:
        config = json.loads(content.decode())
    except json.JSONDecodeError as error:
        line = content.decode().splitlines()[error.lineno - 1 :][:1]
        raise click.ClickException(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}"
            + "".join(f"\n    {text.strip()}" for text in line)
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise click.ClickException(f"{path}, line {line}: not UTF-8 text") from None
    if not isinstance(config, dict):
        raise click.ClickException(f"{path}: must be an object: {{ ... }} with a key per section")
    if tls:
        ftp = cast(dict[str, object], config).setdefault("ftp", {})
        if isinstance(ftp, dict) and cast(dict[str, object], ftp).get("tls") is None:
            ftp["tls"] = {}
            content = json.dumps(config, indent=2, ensure_ascii=False).encode()
    return DeviceFile(CONFIG, content)


def require_packages(tree: Path) -> None:
    """Check the packages of a tree. Raises click.ClickException if they aren't for boards."""
    try:
        require_real(
            bundle.library_folder(tree),
            tree / "tests" / "standins",
            say=functools.partial(click.echo, err=True),
        )
    except NotForBoards as error:
        raise click.ClickException(str(error)) from None


def wait_for(board: SerialBoard) -> None:
    """Wait until a board that was reset is back."""
    until = time.monotonic() + _RETURN_S
    time.sleep(_PAUSE_S)
    while not board.there and time.monotonic() < until:
        time.sleep(_PAUSE_S)


@click.command()
@click.argument("port")
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File to copy onto the board as config.json; without it the board's own stays.",
)  # fmt: skip
@click.option(
    "--tls", "tls_names", metavar="NAME", multiple=True,
    help="Make a certificate for FTPS; NAME is the name or address by which clients call the "
    "board, and may be repeated. Without it the board's own stays.",
)  # fmt: skip
@click.option("--source", is_flag=True, help="Copy the modules as .py, not compiled to .mpy.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--no-reset", is_flag=True, help="Leave the board at its prompt, not restarted.")
@click.option(
    "--tree", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the device code [this repository].",
)  # fmt: skip
def deploy(
    port: str,
    config: Path | None,
    tls_names: tuple[str, ...],
    source: bool,
    dry_run: bool,
    no_reset: bool,
    tree: Path | None,
) -> None:
    """Bring Outpost onto the board at PORT, such as /dev/ttyACM0 or COM3; "auto" finds it.

    Copies only what differs, and removes what an earlier form of Outpost left.
    Your own files stay. A deployment that was cut off is completed by the next one.
    """
    if port == "list":  # mpremote would list the ports and then use the first
        raise click.UsageError("PORT must name one board; `mpremote connect list` shows them")
    tree = tree or bundle.tree_root()
    board = SerialBoard(port)
    restart = not no_reset
    try:
        files = bundle.device_files(tree, source=source)
        packages = earlier.packages(tree)
        if not source:
            maps.keep(tree)
        if config:
            files.append(read_config(config, tls=bool(tls_names)))
        if tls_names:
            files += certified(tls_names, dry_run=dry_run, configured=bool(config))
        require_packages(tree)
        configured = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                configured = bring(
                    board, files, packages=packages, dry_run=dry_run, say=click.echo
                )
                break
            except ConnectionLost as lost:
                if attempt == _ATTEMPTS:
                    raise
                click.echo(f"{lost}; trying again", err=True)
                wait_for(board)
        if restart and not configured and not dry_run:
            restart = False
            click.echo(
                "There is no config.json on the board, so Outpost will make up an admin password "
                "and show it once, as it starts. So start it where you see it: "
                f"`mpremote connect {port} resume repl`, then Ctrl-D."
            )
    except (BoardError, bundle.BundleError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        # look() has interrupted the board's program, so restart it in any case.
        if board.reached and restart:
            restart_board(board)


def restart_board(board: SerialBoard) -> None:
    """Restart a board that was interrupted, and report that."""
    try:
        board.reset()
        click.echo("the board is restarting")
    except BoardError as error:
        click.echo(f"the board could not be restarted, press its reset button ({error})", err=True)
