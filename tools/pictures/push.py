"""Draws docs/push.svg: `outpost push` to seven simulated boards, one of which rolls back.

Run by `make picture`.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path

from outpost import bundle
from outpost.sim import boards as profiles
from outpost.sim.desk import Board
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare
from screen import DOCS, Terminal, draw

PASSWORD = "correct-horse"
USERS = {"admin": {"password": PASSWORD, "role": "admin"}}
BOARDS = ("roof", "hill-1", "hill-2", "hill-3", "river-1", "river-2", "mast")
BROKEN = "river-2"
FIRST_PORT = 2311
DESK = profiles.BOARDS["desk"]  # its flash holds a file of 2 MB twice
COLUMNS, ROWS = 100, 40
APP = """\
import asyncio
import os


async def run(status, events):
    if "flooded" in os.listdir("/"):
        raise OSError("no answer from the gauge at I2C address 0x52")
    while True:
        await asyncio.sleep(1)
"""


def start(name, port, folder):
    """A board that is ready for logins."""
    config = {
        "name": name,
        "app": "app",
        "ftp": {"users": USERS, "port": port, "host": "127.0.0.1"},
        "time": {"servers": []},
    }
    flash = folder / f"{name}.img"
    prepare(flash, bundle.tree_root(), board=DESK, config=json.dumps(config))
    if name == BROKEN:
        with Flash(flash) as image:
            image.write("/flooded", b"")
    board = Board(flash, ftp_port=port, profile=DESK)
    board.start()
    board.wait_ready()
    return board


def main():
    """Start the boards, push to them, draw what was seen on the way and at the end."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        weather = folder / "weather"
        (weather / "www").mkdir(parents=True)
        (weather / "app.py").write_text(APP)
        (weather / "www" / "map.png").write_bytes(os.urandom(2_000_000))
        urls = []
        for port, board in enumerate(BOARDS, FIRST_PORT):
            stack.callback(start(board, port, folder).kill)
            urls.append(f"ftp://127.0.0.1:{port} {board}\n")
        boards = folder / "field.txt"
        boards.write_text("".join(urls))
        words = ["push", weather, "--boards", boards, "--version", "weather-1.4", "--trial", "2"]
        view = Terminal(words, COLUMNS, ROWS, {"OUTPOST_PASSWORD": PASSWORD})
        stack.callback(view.close)
        view.show("$ outpost push weather --boards field.txt --version weather-1.4")
        view.wait_for(r"roof: confirmed(.|\n)*(sending(.|\n)*){4}")
        rows = view.rows()
        view.wait_for("7 boards: ")
        rows += view.rows()[len(rows) - len(BOARDS) + 1 :]
        draw(rows, DOCS / "push.svg", "outpost push")


if __name__ == "__main__":
    main()
