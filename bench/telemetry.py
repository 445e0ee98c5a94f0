"""What telemetry costs: heap at rest, and transfers beside a broker, well or frozen."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench import heap, servers
from bench.boards import NOBODY, Outpost, ProbedOutpost
from bench.figures import Table

OFF, CONNECTED, FROZEN, ABSENT = "off", "connected", "broker frozen", "no broker there"
REST = "heap at rest, bytes above off"
MIB = 1 << 20
_PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
_CONNECT_S = 20


class NoBroker(Exception):
    """mosquitto is not installed, or does not serve."""


@contextlib.contextmanager
def broker():
    """A mosquitto on a port of its own: yields (its URL, its process)."""
    if not _PROGRAM:
        raise NoBroker("mosquitto is not installed: nothing of telemetry is measured")
    port = servers.free_ports(1)
    with tempfile.TemporaryDirectory() as room:
        config = Path(room) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        process = subprocess.Popen(
            [_PROGRAM, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield f"mqtt://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def at_rest(folder, url):
    """Bytes of heap above the bare interpreter, with all services and this broker (None: off)."""
    with ProbedOutpost(folder, broker=url) as server:
        return heap.at_rest(server)


def _await_connected(server):
    deadline = time.monotonic() + _CONNECT_S
    with server.client() as connection:
        while "connected yes" not in connection.ftp.sendcmd("STAT"):
            if time.monotonic() > deadline:
                raise NoBroker(f"no board connects: {server.printed()[-1000:]}")
            time.sleep(0.1)


def _speeds(material, rounds):
    """{(column, measure): [a value a round]}, the boards taking turns within each round."""
    mib = material.plan.sizes[-1]
    found = {}
    with contextlib.ExitStack() as stack:
        url, _ = stack.enter_context(broker())
        frozen_url, frozen = stack.enter_context(broker())
        boards = {
            name: stack.enter_context(Outpost(material.folder, broker=given))
            for name, given in ((OFF, None), (CONNECTED, url), (FROZEN, frozen_url))
        }
        for name in (CONNECTED, FROZEN):
            _await_connected(boards[name])
        os.kill(frozen.pid, signal.SIGSTOP)
        clients = {name: stack.enter_context(board.client()) for name, board in boards.items()}
        for number in range(rounds + 1):
            for name, client in clients.items():
                card = boards[name].card
                down, count = client.retrieve(f"{card}big{mib}", material.room)
                material.check(memoryview(material.room)[:count], mib, f"RETR, {name}")
                up = client.store(f"{card}up", material.piece(mib))
                if number:  # the first warms up
                    found.setdefault((name, "RETR"), []).append(mib / down)
                    found.setdefault((name, "STOR"), []).append(mib / up)
        (material.folder / "up").unlink()
    return found


def tables(material, rounds):
    """Yield (key, Table); nothing, and a word on it, where there is no broker."""
    table = Table(
        "Telemetry: what it costs",
        "Boards that take turns within each round; ratios are medians of the rounds' own.",
    )
    try:
        with broker() as (url, _):
            off = at_rest(material.folder, None)
            for name, given in ((OFF, None), (CONNECTED, url), (ABSENT, NOBODY)):
                table.add(name, REST, at_rest(material.folder, given) - off if given else 0)
        found = _speeds(material, rounds)
    except NoBroker as error:
        print(error, file=sys.stderr)
        return
    mib = material.plan.sizes[-1]
    for verb in ("RETR", "STOR"):
        alone = found[OFF, verb]
        for name in (OFF, CONNECTED, FROZEN):
            values = found[name, verb]
            table.add(name, f"{verb} {mib} MiB, MiB/s", round(median(values)))
            ratios = [value / other for value, other in zip(values, alone, strict=True)]
            table.add(name, f"{verb}, by off", f"{median(ratios):.3f}")
    yield "telemetry", table
