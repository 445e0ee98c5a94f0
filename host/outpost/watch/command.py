"""`outpost watch` as a command: a live view on a terminal, lines in a pipe, JSON for scripts."""

import io
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import NoReturn, TextIO, TypeVar, cast

import click
from rich.console import Console
from rich.live import Live

from outpost import bundle
from outpost.address import MQTT, Address, AddressError, AddressType, credentials
from outpost.bundle.trace import explained
from outpost.shown import safe
from outpost.watch.board import ONLINE
from outpost.watch.broker import Link, Message, Refused
from outpost.watch.fleet import Fleet
from outpost.watch.screen import entry_text, headline, screen, table, troubles

_Command = TypeVar("_Command", bound=Callable[..., object] | click.Command)
_STEP_S = 0.2  # the longest time between two updates
_QUIET_S = 0.3  # a broker of several machines may send retained messages a little later


def _topic(ctx: click.Context, param: click.Parameter, value: str) -> str:
    value = value.strip("/")
    if not value or set(value) & set("+#\0"):
        raise click.BadParameter("must be a topic without + and #, such as outpost")
    return value


def topic_option(command: _Command) -> _Command:
    """Add the option --topic to a command that listens to a broker."""
    return click.option(
        "--topic", default="outpost", show_default=True, callback=_topic,
        help="What the boards' config.json has as telemetry.topic.",
    )(command)  # fmt: skip


def cafile_option(command: _Command) -> _Command:
    """Add the option --cafile to a command that listens to a broker."""
    return click.option(
        "--cafile", type=click.Path(exists=True, dir_okay=False),
        help="For mqtts://: certificates (PEM) of who may have signed the broker's "
        "[those that this machine trusts].",
    )(command)  # fmt: skip


def link_to(url: Address, topic: str, cafile: str | None) -> Link:
    """Return the Link of a command that listens to a broker; SIGTERM then acts like Ctrl-C."""
    if cafile and not url.secure:
        raise click.UsageError("--cafile goes with mqtts://")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return Link(url, credentials(url), topic, cafile)
    except AddressError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("url", type=AddressType(MQTT))
@topic_option
@cafile_option
@click.option("--json", "as_json", is_flag=True, help="Print each message as a line of JSON.")
@click.option("--once", is_flag=True, help="Show what the broker knows now, and end.")
@click.option(
    "--expect", type=click.IntRange(0), metavar="N",
    help="With --once: exit status 1 unless at least N boards are online.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=10, show_default=True,
    help="With --once: seconds that the broker may take.",
)  # fmt: skip
def watch(
    url: Address,
    topic: str,
    cafile: str | None,
    as_json: bool,
    once: bool,
    expect: int | None,
    timeout: float,
) -> None:
    """Show boards, transfers and events as they happen.

    URL is the broker's: mqtt://user@host:port, or mqtts:// for TLS. The password may come from
    OUTPOST_PASSWORD, ~/.netrc or the keyboard; in the URL others may see it in the list of
    processes. Where the output is no terminal, each event is a line.

    Ends with Ctrl-C. Exit status of --once: 0 where all boards are online, 1 where one isn't,
    where there is none, or where the broker can't be asked.
    """
    if expect is not None and not once:
        raise click.UsageError("--expect goes with --once")
    output: TextIO = sys.stdout
    if isinstance(output, io.TextIOWrapper):  # for a terminal without UTF-8
        cast(io.TextIOWrapper, output).reconfigure(errors="backslashreplace")
    link = link_to(url, topic, cafile)  # makes SIGTERM an exception: the terminal is restored
    try:
        if once:
            sys.exit(_once(link, url, topic, as_json, expect, timeout))
        elif as_json:
            _print_json(link)
        elif sys.stdout.isatty() and not Console().is_dumb_terminal:
            _show(link, url, topic)
        else:
            _print_lines(link, topic)
    except Refused as refused:
        raise click.ClickException(f"{url}: {refused}") from None
    except KeyboardInterrupt:
        pass
    finally:
        link.close()


def _explain(text: str, name: str | None) -> str:
    """Return a text of the board that runs that bundle with tracebacks as in the source."""
    return explained(text, name, bundle.tree_root())


def _show(link: Link, url: Address, topic: str) -> NoReturn:
    """Show the live view on the terminal's alternate screen, which is left at the end."""
    fleet = Fleet(topic, _explain)
    console = Console(highlight=False, markup=False)
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            now = time.monotonic()
            fleet.tick(now, link.connected)
            how = str(url), link.connected, link.state
            width, height = console.size
            live.update(screen(fleet, how, now, width=width, height=height), refresh=True)
            for message in link.step(_STEP_S):
                fleet.take(message.topic, message.payload, time.monotonic())


def _print_lines(link: Link, topic: str) -> None:
    """Print a line for each event: its time (UTC), the board, what happened."""
    fleet = Fleet(topic, _explain)
    for messages in _steps(link):
        now = time.monotonic()
        news = [fleet.take(message.topic, message.payload, now) for message in messages]
        for entry in chain(*news, fleet.tick(now, link.connected)):
            click.echo(f"{_now_text()} {safe(entry.board)} {entry_text(entry, now)}")


def _print_json(link: Link) -> None:
    for messages in _steps(link):
        for message in messages:
            click.echo(_json_line(message))


def _steps(link: Link) -> Iterator[list[Message]]:
    """Yield the messages of each step; report changes of the connection on stderr."""
    told = None
    while True:
        messages = link.step(_STEP_S)
        state = link.state.partition(";")[0]
        if state != told and state != "connecting":
            told = state
            click.echo(f"broker: {safe(state)}", err=True)
        yield messages


def _json_line(message: Message) -> str:
    """Return a message as JSON in ASCII, which is safe for a terminal."""
    try:
        payload = json.loads(message.payload)
        text = json.dumps(payload, allow_nan=False)
    except (ValueError, RecursionError):
        text = json.dumps(message.payload.decode(errors="backslashreplace"))
    head = json.dumps({"time": _now_text(), "topic": message.topic, "retained": message.retained})
    return f'{head[:-1]}, "payload": {text}}}'


def _once(
    link: Link, url: Address, topic: str, as_json: bool, expect: int | None, timeout: float
) -> int:
    """Print the retained messages; return the exit status."""
    fleet = Fleet(topic, _explain)
    now = time.monotonic()
    until = now + timeout
    quiet_since = None
    while quiet_since is None or time.monotonic() - quiet_since < _QUIET_S:
        messages = link.step(_STEP_S)
        now = time.monotonic()
        for message in messages:
            fleet.take(message.topic, message.payload, now)
            if as_json:
                click.echo(_json_line(message))
        if not link.complete:
            quiet_since = None
        elif messages or quiet_since is None:
            quiet_since = now
        if not link.connected and link.state != "connecting":
            raise Refused(link.state.partition(";")[0])
        if now > until:
            if link.complete:
                break  # it sends without pause: don't wait for one
            raise Refused(f"no answer within {timeout:.0f} s")
    online = fleet.count(ONLINE, now)
    if not as_json:
        console = Console(highlight=False, markup=False)
        boards = sorted(fleet.boards.values(), key=lambda board: (board.name, board.id))
        console.print(headline(fleet, (str(url), True, "connected"), now))
        if boards:
            console.print(table(fleet, boards, now, console.width))
            for line in troubles(fleet, boards, now):
                console.print(line)
        else:
            console.print(f"No board has told this broker of itself below {topic}/.")
    if expect is not None:
        return 0 if online >= expect else 1
    return 0 if fleet.boards and online == len(fleet.boards) else 1


def _now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
