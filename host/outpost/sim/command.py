"""`outpost sim`: the simulated board as a command."""

import contextlib
import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click

from outpost import bundle
from outpost.bundle import maps
from outpost.bundle.trace import Trace
from outpost.sim import i386
from outpost.sim.boards import BLOCK, BOARDS, default
from outpost.sim.desk import Board, BoardFailed
from outpost.sim.flash import FlashError, in_use
from outpost.sim.interpreters import heap_size
from outpost.sim.prepare import prepare
from outpost.sim.probe import PortInUse, require_free

STOP_S = 15  # the supervisor gives each service 5 s, and stops them one after the other
_WELL_ENDED = {"stopped": "stopped", "asleep": "in deep sleep", "cut": "the power failed"}
_PASSIVE_PORTS = 16  # of a board, by default
_PASSIVE_FROM, _PASSIVE_BLOCKS = 20_000, 750  # below Linux's ephemeral ports, which begin at 32768


def passive_range(ftp_port: int) -> tuple[int, int]:
    """Return (lowest, highest) passive port, disjoint for any 750 boards on successive ports."""
    lowest = _PASSIVE_FROM + ftp_port % _PASSIVE_BLOCKS * _PASSIVE_PORTS
    return lowest, lowest + _PASSIVE_PORTS - 1


class PortRange(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """LO-HI as a tuple of two ports."""

    name = "lo-hi"

    def convert(
        self,
        value: str | tuple[int, int],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition("-")
        try:
            ports = int(low), int(high)
        except ValueError:
            ports = 0, 0
        if not 1024 <= ports[0] <= ports[1] <= 65535:
            self.fail(f"{value!r} is not LOWEST-HIGHEST with ports from 1024 to 65535", param, ctx)
        return ports


class Size(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """Bytes, or KiB and MiB with a K or M after the number."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"[1-9]\d*[KkMm]?", value):
            self.fail(f"{value!r} is no size such as 133K, 96K or 2M", param, ctx)
        factor = {"K": 1024, "M": 1024**2}.get(value[-1].upper(), 1)
        return int(value.rstrip("KkMm")) * factor


class Mount(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """DIR:/path as a tuple of a host's folder and a path on the board."""

    name = "dir:/path"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        folder, _, place = value.rpartition(":")
        if not Path(folder).is_dir():
            self.fail(f"there is no folder {folder!r} to mount", param, ctx)
        if not place.startswith("/") or place.count("/") != 1 or place == "/":
            self.fail(f"{place!r} is no place for it: must be such as /sd", param, ctx)
        return folder, place


@click.command()
@click.option(
    "--ftp-port", type=click.IntRange(1, 65535), default=2121, show_default=True,
    help="Port of 127.0.0.1 on which the board serves FTP.",
)  # fmt: skip
@click.option(
    "--passive", type=PortRange(),
    help="Ports of passive data connections [16 ports that go with --ftp-port].",
)  # fmt: skip
@click.option(
    "--flash", "flash", type=click.Path(dir_okay=False, path_type=Path),
    help="Image of the board's flash, made where missing "
    "[build/sim/flash-<board>-<ftp-port>.img].",
)  # fmt: skip
@click.option(
    "--board", "name", type=click.Choice(list(BOARDS)), default=default().name, show_default=True,
    help="Which board it is: heap, flash, sockets, and the rules of its port.",
)  # fmt: skip
@click.option(
    "--bits", type=click.Choice(["32", "64"]),
    help="Word size of the interpreter [32, as boards have, where it can be had].",
)  # fmt: skip
@click.option("--heap", type=Size(), help="The board's heap, such as 96K [the board's].")
@click.option("--flash-size", type=Size(), help="Size of a new flash, such as 2M [the board's].")
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File to copy onto the flash as config.json.",
)  # fmt: skip
@click.option(
    "--mount", "mounts", type=Mount(), multiple=True,
    help="A host folder that the board sees as an SD card; may be repeated.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Erase the flash first.")
@click.option("--tls", is_flag=True, help="FTPS, with a certificate made for 127.0.0.1.")
@click.option("--ntp", metavar="HOST", help="The only time server to ask.")
@click.option("--mqtt", metavar="URL", help="The MQTT broker, mqtt://[user:password@]host[:port].")
@click.option(
    "--clock", type=click.Choice(["2000", "real"]), default="2000", show_default=True,
    help="Start at 2000-01-01 as a board without a battery, or use the host's clock.",
)  # fmt: skip
@click.option(
    "--console", type=click.Path(dir_okay=False, path_type=Path),
    help="File that gets a copy of what the board prints.",
)  # fmt: skip
@click.option("--source", is_flag=True, help="Put the modules on the flash as .py, not as .mpy.")
@click.option(
    "--tree", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the device code [this repository].",
)  # fmt: skip
@click.option("--cut-at-write", type=click.IntRange(1), default=None, hidden=True)
def sim(
    ftp_port: int,
    passive: tuple[int, int] | None,
    flash: Path | None,
    name: str,
    bits: str | None,
    heap: int | None,
    flash_size: int | None,
    config: Path | None,
    mounts: tuple[tuple[str, str], ...],
    fresh: bool,
    tls: bool,
    ntp: str | None,
    mqtt: str | None,
    clock: str,
    console: Path | None,
    source: bool,
    tree: Path | None,
    cut_at_write: int | None,
) -> None:
    """Run a simulated board until Ctrl-C.

    It prints "FTP ready on 127.0.0.1:PORT" when logins are accepted. Exit status: 0 after a
    clean stop or deep sleep, 1 when the board died.
    """
    tree = tree or bundle.tree_root()
    profile = BOARDS[name]
    if heap:
        profile = replace(profile, heap=heap)
    if flash_size:
        profile = replace(profile, blocks=flash_size // BLOCK)
    flash = flash or tree / "build" / "sim" / f"flash-{name}-{ftp_port}.img"
    settings = {
        "ftp": {
            "port": ftp_port,
            "host": "127.0.0.1",
            "passive_ports": list(passive or passive_range(ftp_port)),
        },
        "time": {"servers": [ntp] if ntp else None},
        "telemetry": {"broker": mqtt},
    }
    with contextlib.ExitStack() as stack:
        try:
            require_free(ftp_port)
            stack.enter_context(in_use(flash))
            for note in prepare(
                flash, tree, board=profile, fresh=fresh, source=source, settings=settings,
                config=config and config.read_text(), tls=tls,
            ):  # fmt: skip
                click.echo(note, err=True)
            log = stack.enter_context(console.open("w")) if console else None
            say = _printer(log)
            if not source:
                say = Trace(maps.keep(tree)).stream(say)
            board = Board(
                flash, ftp_port=ftp_port, profile=profile, bits=int(bits) if bits else None,
                mounts=mounts, clock=clock, cut_at_write=cut_at_write or 0, say=say,
            )  # fmt: skip
            click.echo(_described(board), err=True)
            sys.exit(_run(board))
        except json.JSONDecodeError as error:
            raise click.ClickException(f"{config} is not JSON: {error}") from error
        except (
            FlashError, PortInUse, BoardFailed, bundle.BundleError, i386.Unavailable,
        ) as error:  # fmt: skip
            raise click.ClickException(str(error)) from error


def _described(board: Board) -> str:
    """Return a line that describes the board and its interpreter."""
    profile = board.profile
    bits = board.interpreter.bits
    text = f"board: {profile.name}, {profile.heap // 1024} KiB of heap on {bits} bits"
    if bits == 64:
        text += f" (which take {heap_size(profile, bits)} bytes here: no measure of a board)"
    if board.clock == "real":
        text += ", the host's clock"
    return text


def _printer(log: TextIO | None) -> Callable[[str], None]:
    """Return a callable that prints the console's text, and writes it to the file log, if any."""

    def say(text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `outpost sim | head` continues without output
            sys.stdout.write(text)
            sys.stdout.flush()
        if log:
            log.write(text)
            log.flush()

    return say


def _run(board: Board) -> int:
    """Run the board until it ends or a signal asks it to stop; return the exit status."""
    signals = (signal.SIGINT, signal.SIGTERM)
    asked: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        if asked:
            board.kill()  # a second signal: end it at once
        asked.append(number)

    before = [signal.signal(number, on_signal) for number in signals]
    try:
        board.start()
        while not asked and board.state == "running":
            with contextlib.suppress(BoardFailed):
                board.wait_end(timeout=0.2)
        if asked:
            board.stop(STOP_S)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    if board.state in _WELL_ENDED:
        click.echo(f"board: {_WELL_ENDED[board.state]}")
        return 0
    click.echo(f"board {board.state}: {board.reason}", err=True)
    return 1
