"""`outpost doctor`: finds problems of one board, over serial or FTP, and says what to do."""

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import cast

import click

from outpost import boards as several
from outpost import bundle, deploy
from outpost.bundle import DeviceFile, earlier
from outpost.config.check import CheckError
from outpost.config.check import check as check_config
from outpost.control import Unreachable
from outpost.serial_board import BoardError, Found, SerialBoard
from outpost.shown import safe
from outpost.status.ask import ask

_OLDEST = (1, 24, 0)  # docs/boards.md
# Bytes of heap at rest, on 32 bits: docs/operating.md.
_HEAP_FTP, _HEAP_LOG, _HEAP_OTHERS = 60_500, 7_800, 18_000
_OTHERS = ("network", "time", "update", "telemetry")

# Pattern of a problem -> what to do; the first match is used. docs/ has the details.
_ADVICE = (
    (r"^rescue mode", "`outpost push URL`, or `outpost deploy PORT`; docs/update.md"),
    (r"MemoryError|^low heap", "set services that you don't need to null; docs/operating.md"),
    (r"^low flash", "remove files from the board, over FTP"),
    (r"^config\.json was taken back", "mend it, `outpost config check`, then `config put`"),
    (r"^config\.json", "`outpost config get`, mend it, `outpost config check`, `config put`"),
    (r"on trial$", "wait: it is confirmed, or goes back by itself; docs/update.md"),
    (r"rolled back", "mend what the reason names, then push again; docs/update.md"),
    (r"^network", "see `network` in config.json: name, password, 2.4 GHz, signal"),
    (r"^clock", "see that it reaches one of `time.servers` on UDP port 123"),
    (r"^telemetry", "see that the broker runs; `telemetry.broker`: host, user, password"),
    (r"^app ", "mend the application and upload it again; docs/safety.md"),
    (r"^can't be asked: it says", "see user and password: OUTPOST_PASSWORD, ~/.netrc"),
    (r"^can't be asked", "see its power and Wi-Fi, or `outpost doctor PORT` over USB"),
)  # fmt: skip


def advice(problem: str) -> str:
    """Return what to do about a problem in the words of `outpost status`; "" if unknown."""
    return next((todo for said, todo in _ADVICE if re.search(said, problem)), "")


def is_serial(where: str) -> bool:
    """Whether an argument names a serial port, as mpremote accepts it; else an address."""
    return where.startswith(("/", "id:", "port:")) or bool(
        re.fullmatch(r"auto|COM\d+|[auc]\d+", where)
    )


@click.command()
@click.argument("where", metavar="PORT|ADDRESS")
@several.cafile_option
@click.option(
    "--timeout", type=click.FloatRange(1, 600), default=15, show_default=True,
    help="Seconds that a board may take over FTP.",
)  # fmt: skip
def doctor(where: str, cafiles: tuple[Path, ...], timeout: float) -> None:
    """Say what is wrong with a board, and what to do.

    PORT is serial, such as /dev/ttyACM0, COM3 or auto: firmware, room on flash, heap and
    config.json are looked at. What runs there is interrupted, and the board restarts.

    ADDRESS is ftp://user@host:port, ftps://..., or a host's name alone: services, Wi-Fi, clock,
    broker, trials and rescue mode are asked for, as `outpost status` does.

    Exit status: 0 where nothing is wrong, 1 where something is, 2 for a wrong command line.
    """
    if is_serial(where):
        found = list(_over_serial(where))
    else:
        url = where if "://" in where else f"ftp://{where}"
        found = [(problem, advice(problem)) for problem in _over_ftp(url, cafiles, timeout)]
    for problem, todo in found:
        click.echo(f"! {safe(problem)}" + (f"\n  -> {todo}" if todo else ""))
    if not found:
        click.echo("nothing is wrong that can be seen from here")
    sys.exit(1 if found else 0)


def _over_ftp(url: str, cafiles: tuple[Path, ...], timeout: float) -> list[str]:
    """Return the problems of the board at a URL."""
    (board,), context = several.of_command((url,), None, cafiles)
    login = board.address.user, board.address.password
    try:
        return ask(board.address, login, context=context, timeout=timeout).problems
    except Unreachable as error:
        return [f"can't be asked: {error}"]


def _over_serial(port: str) -> Iterator[tuple[str, str]]:
    """Yield (problem, what to do) of the board at a serial port, and restart it."""
    board = SerialBoard(port)
    restart = True
    try:
        files = bundle.device_files(bundle.tree_root())
        found = board.look(deploy.LOOKED_INTO, deploy.places(files))
        click.echo(f"board: {safe(found.name)}")
        heap, config = board.examine(deploy.CONFIG)
        yield from firmware(found.name)
        for required in (deploy.require_loadable, _require_room):
            try:
                required(files, found)
            except BoardError as error:
                yield str(error), ""
        ours = {file.path for file in files if not file.path.startswith("/lib/")}
        if not any(path.startswith(deploy.OURS) or path in ours for path in found.hashes):
            yield "Outpost is not on it", f"`outpost deploy {port} --config config.json`"
            return
        plan = deploy.make_plan(files, found, earlier.packages(bundle.tree_root()))
        if plan.place or plan.stale:
            click.echo(f"it has another Outpost than this; `outpost deploy {port}` brings this")
        if config is None:
            # Don't restart it: its first password would be printed where no user reads it.
            restart = False
            yield (
                "there is no config.json: Outpost makes up a password, and shows it as it starts",
                f"`mpremote connect {port} resume repl`, then Ctrl-D, or deploy with --config",
            )
            return
        yield from configuration(config, heap)
    except (BoardError, bundle.BundleError) as error:
        yield str(error), ""
    finally:
        if board.reached and restart:
            deploy.restart_board(board)


def firmware(name: str) -> Iterator[tuple[str, str]]:
    """Yield the problems of the firmware that SerialBoard.look() names."""
    numbers = re.search(r"MicroPython (\d+)\.(\d+)\.(\d+)", name)
    if numbers and tuple(map(int, numbers.groups())) < _OLDEST:
        oldest = "{}.{}".format(*_OLDEST)
        yield (
            f"its firmware is too old: Outpost is for MicroPython {oldest} and later",
            "write a newer one onto the board (micropython.org/download), then deploy again",
        )


def _require_room(files: Collection[DeviceFile], found: Found) -> None:
    deploy.require_space(deploy.make_plan(files, found).copy, found)


def configuration(content: bytes, heap: int) -> Iterator[tuple[str, str]]:
    """Yield the problems of config.json's bytes on a board with that heap."""
    mend = "`outpost config check FILE` shows where; then `outpost deploy PORT --config FILE`"
    try:
        for problem in check_config(content):
            yield f"config.json: {problem.text}", mend
    except CheckError as error:
        click.echo(f"config.json was not checked: {safe(error)}", err=True)
    try:
        settings = json.loads(content)
    except ValueError:  # reported above
        return
    needed = heap_needed(cast(dict[str, object], settings)) if isinstance(settings, dict) else 0
    if heap < needed:
        yield (
            f"no heap for these services: they take {needed // 1000} KB at rest, "
            f"the board has {heap // 1000} KB",
            "set services that you don't need to null; docs/operating.md",
        )


def heap_needed(settings: Mapping[str, object]) -> int:
    """Return the bytes of heap that a configuration's services take at rest, on 32 bits."""
    off = {name for name, section in settings.items() if section is None}
    log = 0 if "log" in off else _HEAP_LOG
    return _HEAP_FTP + log + (0 if off.issuperset(_OTHERS) else _HEAP_OTHERS)
