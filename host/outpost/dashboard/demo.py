"""A demonstration: a broker, simulated boards with traffic, and the page that shows them."""

import contextlib
import json
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from outpost import bundle
from outpost.dashboard import page, programs
from outpost.dashboard.traffic import PASSWORD, USER, Traffic
from outpost.sim.command import passive_range
from outpost.sim.desk import Board
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare

NAMES = ("weather-7", "greenhouse", "gate")
_STATE_EVERY_S = 10
# An application with a fault, so that one service restarts again and again.
_APP = """import asyncio

async def run(status, events):
    section = status.section("app")
    section["readings"] = 0
    while True:
        await asyncio.sleep(3)
        section["readings"] += 1
        if section["readings"] == 9:
            raise OSError("the sensor does not answer")
"""


@dataclass
class Demo:
    """What runs: the page's URL including the broker, the boards, mqtt's own port, notes."""

    url: str
    boards: list[Board]
    mqtt_port: int
    notes: list[str]


def address(page_url: str, broker: str) -> str:
    """Return the URL that opens the page with this broker."""
    return f"{page_url}?{urlencode({'broker': broker})}"


@contextlib.contextmanager
def running(port: int = 0, traffic: bool = True) -> Generator[Demo]:
    """Run everything while the block runs; yields a Demo. port: of the page, 0 for a free one.

    Raises PageError, ProgramError, BoardFailed, OSError.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outpost-demo-")))
        url = stack.enter_context(page.serving(port))
        mqtt_port, websocket_port = programs.free_ports(2)
        stack.enter_context(programs.mosquitto(folder, mqtt_port, websocket_port))
        ntp = stack.enter_context(programs.time_server(folder))
        notes: list[str] = []
        if ntp is None:
            notes.append("No time server (chronyd, as root): the boards' clocks are not set.")
        boards: list[Board] = []
        for name in NAMES:
            boards.append(_board(folder, name, mqtt_port, ntp))
            boards[-1].start()
            stack.callback(_end, boards[-1])
        for board in boards:
            board.wait_ready()
        if traffic:
            for number, board in enumerate(boards):
                busy = Traffic(board, seed=number)
                busy.start()
                stack.callback(busy.stop)
        broker = f"ws://127.0.0.1:{websocket_port}"
        yield Demo(address(url, broker), boards, mqtt_port, notes)


def _board(folder: Path, name: str, mqtt_port: int, ntp: str | None) -> Board:
    """Return a board with that name, not yet started."""
    flash = folder / f"{name}.img"
    port = programs.free_port()
    faulty = name == NAMES[-1]
    config = {
        "name": name,
        "ftp": {
            "port": port,
            "host": "127.0.0.1",
            "passive_ports": list(passive_range(port)),
            "users": {USER: {"password": PASSWORD, "role": "admin", "root": "/"}},
        },
        "time": {"servers": [ntp or "127.0.0.1"]},
        "telemetry": {"broker": f"mqtt://127.0.0.1:{mqtt_port}", "every_s": _STATE_EVERY_S},
        "app": "app" if faulty else None,
    }
    prepare(flash, bundle.tree_root(), fresh=True, config=json.dumps(config))
    if faulty:
        with Flash(flash) as image:
            image.write("/app.py", _APP.encode())
    return Board(flash, ftp_port=port)


def _end(board: Board) -> None:
    if board.state == "running":
        board.stop()
