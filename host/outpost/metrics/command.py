"""`outpost metrics` as a command: listens to a broker, serves what it hears to Prometheus."""

import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import NoReturn, cast

import click
from prometheus_client.openmetrics import exposition

from outpost.address import MQTT, Address, AddressType
from outpost.metrics.collect import families
from outpost.metrics.serve import serving
from outpost.shown import safe
from outpost.watch.broker import Link, Refused
from outpost.watch.command import cafile_option, link_to, topic_option
from outpost.watch.fleet import Fleet

_STEP_S = 0.5


@click.command()
@click.argument("url", type=AddressType(MQTT))
@topic_option
@cafile_option
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Address to serve on; 0.0.0.0 for all of this machine's.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9784, show_default=True,
    help="Port to serve on; 0 takes a free one.",
)  # fmt: skip
def metrics(url: Address, topic: str, cafile: str | None, host: str, port: int) -> None:
    """Serve the boards' states to Prometheus, as OpenMetrics text, until Ctrl-C.

    URL is the broker's: mqtt://user@host:port, or mqtts:// for TLS. The password may come from
    OUTPOST_PASSWORD, ~/.netrc or the keyboard; in the URL others may see it in the list of
    processes.

    A board that is offline or late is outpost_up 0, and its other values go. While the broker is
    away there is nothing but outpost_broker_connected 0.
    """
    link = link_to(url, topic, cafile)
    fleet = Fleet(topic)
    lock = threading.Lock()  # protects the fleet and the state of the link

    def text() -> bytes:
        with lock:
            # Wait for the broker's retained messages: before that the fleet is empty or outdated.
            known = list(families(fleet, link.connected and link.complete, time.monotonic()))
        source = SimpleNamespace(collect=lambda: known)
        return cast(bytes, exposition.generate_latest(source))  # pyright: ignore[reportUnknownMemberType]

    try:
        with contextlib.ExitStack() as stack:
            stack.callback(link.close)
            where = stack.enter_context(_served(text, host, port))
            click.echo(f"Metrics: {where}\nCtrl-C ends it.")
            _listen(link, fleet, lock)
    except Refused as refused:
        raise click.ClickException(f"{url}: {refused}") from None
    except KeyboardInterrupt:
        pass


def _served(text: Callable[[], bytes], host: str, port: int) -> AbstractContextManager[str]:
    try:
        return serving(text, host, port)
    except OSError as error:
        why = f"{host}:{port} can't be used ({error.strerror or error}): choose another --port"
        raise click.ClickException(safe(why)) from None


def _listen(link: Link, fleet: Fleet, lock: threading.Lock) -> NoReturn:
    """Read messages from the broker for ever; report changes of the connection."""
    told = None
    while True:
        messages = link.step(_STEP_S)
        now = time.monotonic()
        with lock:
            for message in messages:
                fleet.take(message.topic, message.payload, now)
            fleet.tick(now, link.connected)
        state = link.state.partition(";")[0]
        if state not in (told, "connecting"):
            told = state
            click.echo(f"broker: {safe(state)}", err=True)
