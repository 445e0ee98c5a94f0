"""`outpost dashboard`: the web page that watches boards, served from here."""

import contextlib
import signal
import threading

import click

from outpost.dashboard import demo, page, programs
from outpost.sim.desk import BoardFailed
from outpost.sim.flash import FlashError


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True,
    help="Port of 127.0.0.1 on which the page is served; 0 takes a free one.",
)  # fmt: skip
@click.option("--broker", metavar="URL", help="ws:// or wss:// URL of the broker to show.")
@click.option("--demo", "with_demo", is_flag=True, help="Bring a broker and three busy boards.")
def dashboard(port: int, broker: str | None, with_demo: bool) -> None:
    """Serve the web page that watches boards, until Ctrl-C.

    The page itself connects to the broker, which needs a listener for WebSocket.
    """
    if with_demo and broker:
        raise click.UsageError("--demo brings a broker of its own: leave --broker out")
    try:
        with contextlib.ExitStack() as stack:
            over = _ended_by_signal(stack)
            if with_demo:
                running = stack.enter_context(demo.running(port))
                for note in running.notes:
                    click.echo(note)
                url = running.url
                click.echo(f"Broker at mqtt://127.0.0.1:{running.mqtt_port}, three boards:")
                for name, board in zip(demo.NAMES, running.boards, strict=True):
                    click.echo(f"  {name}: ftp://admin:demo@127.0.0.1:{board.ftp_port}/")
            else:
                url = stack.enter_context(page.serving(port))
                url = demo.address(url, broker) if broker else url
            click.echo(f"The page: {url}\nCtrl-C ends it.")
            over.wait()
    except (page.PageError, programs.ProgramError, BoardFailed, FlashError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        why = f"port {port} of 127.0.0.1 can't be used ({error.strerror}): choose another, --port"
        raise click.ClickException(why) from error


def _ended_by_signal(stack: contextlib.ExitStack) -> threading.Event:
    """Return an event that Ctrl-C or SIGTERM sets; stack restores the signals' handlers."""
    over = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.signal(number, on_signal)
        stack.callback(signal.signal, number, before)
    return over
