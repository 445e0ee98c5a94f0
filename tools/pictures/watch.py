"""Draws docs/watch.svg: `outpost watch` on a terminal, with three simulated boards at work.

Run by `make picture`, as root: chronyd, which the boards set their clocks by, wants port 123.
"""

import contextlib
import ftplib
import io
import json
import subprocess
import tempfile
import time
from pathlib import Path

from outpost import bundle
from outpost.sim.desk import Board
from outpost.sim.prepare import prepare
from screen import DOCS, PATIENCE_S, Terminal, draw
from session import PASSWORD, TIME_SERVER, USERS, time_server

MQTT_PORT = 21883
BOARDS = {"greenhouse": 2301, "weather-7": 2302, "shed": 2303}  # name -> port of FTP
COLUMNS, ROWS = 120, 24


def broker(folder):
    """Start mosquitto on loopback."""
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {MQTT_PORT} 127.0.0.1\nallow_anonymous true\nuser root\n")
    return subprocess.Popen(["mosquitto", "-c", config], stderr=subprocess.DEVNULL)


def start(name, folder):
    """A board that is ready for logins."""
    port = BOARDS[name]
    config = {
        "name": name,
        "ftp": {"users": USERS, "port": port, "host": "127.0.0.1"},
        "time": {"servers": [TIME_SERVER]},
        "telemetry": {"broker": f"mqtt://127.0.0.1:{MQTT_PORT}", "every_s": 5},
    }
    flash = folder / f"{name}.img"
    prepare(flash, bundle.tree_root(), config=json.dumps(config))
    board = Board(flash, ftp_port=port)
    board.start()
    board.wait_ready()
    return board


def session(name, password=PASSWORD):
    """Log in to a board."""
    ftp = ftplib.FTP()
    ftp.connect("127.0.0.1", BOARDS[name], timeout=PATIENCE_S)
    ftp.login("pi", password)
    return ftp


def story(view, boards):
    """What happens while somebody watches: transfers, a wrong password, a board that dies."""
    view.wait_for(r"3 online(.|\n)* set (.|\n)* set (.|\n)* set ")
    session("shed").storbinary("STOR /relays.json", io.BytesIO(b"{}" * 300))
    weather = session("weather-7")
    weather.mkd("/data")
    weather.storbinary("STOR /data/2026-10.csv", io.BytesIO(b"21.5;1013\n" * 20_000))
    with contextlib.suppress(ftplib.error_perm):
        session("greenhouse", "guess")
    view.wait_for("login refused")
    boards["shed"].kill()
    view.wait_for("shed +offline")
    upload = session("greenhouse")
    upload.voidcmd("TYPE I")
    with upload.transfercmd("STOR /today.jpg") as data:
        for _ in range(5):
            data.sendall(b"\xff" * 30_000)
            time.sleep(0.5)
        view.wait_for(r"today\.jpg +1\d\d KiB")


def main():
    """Start all that there is to watch, watch it, draw what was seen."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for process in (time_server(folder), broker(folder)):
            stack.callback(process.wait)
            stack.callback(process.terminate)
        boards = {}
        for board in BOARDS:
            boards[board] = start(board, folder)
            stack.callback(boards[board].kill)
        view = Terminal(["watch", f"mqtt://127.0.0.1:{MQTT_PORT}"], COLUMNS, ROWS)
        stack.callback(view.close)
        story(view, boards)
        draw(view.rows(), DOCS / "watch.svg", "outpost watch")


if __name__ == "__main__":
    main()
