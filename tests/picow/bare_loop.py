"""What the emulated board can do at most: bytes between a socket and a file, and nothing else."""

import socket
import statistics

from picow import flash_image
from picow.network import BOARD
from picow.station import wait_until
from picow.transfers import content

PORT = 5000
# Blocking sockets, a buffer as Outpost's own, no event loop, no other connection.
SCRIPT = """
import gc, network, os, socket
link = network.WLAN()
link.active(True)
link.config(pm=link.PM_NONE)
link.connect("net", "password")
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", {port}))
listener.listen(1)
block = memoryview(bytearray(4096))
while True:
    client = listener.accept()[0]
    what = client.recv(1)
    if what == b"R":
        with open("/bare.bin", "rb") as file:
            n = file.readinto(block)
            while n:
                client.write(block[:n])
                n = file.readinto(block)
    elif what == b"S":
        with open("/bare.new", "wb") as file:
            n = client.readinto(block)
            while n:
                file.write(block[:n])
                n = client.readinto(block)
        os.rename("/bare.new", "/bare.bin")
        client.write(b"1")
    client.close()
    gc.collect()
"""


def measure(station, size, rounds):
    """Boot the board without Outpost; returns {"RETR": seconds, "STOR": seconds}, medians."""
    board = station.board
    station.boot()
    board.power_off()
    if not station.firmware.frozen:
        for name in ("/boot.py", "/main.py"):
            flash_image.remove(station.flash, name)
    board.power_on()
    data = content(size)
    with board.repl() as repl:
        repl.exec_raw_no_follow(SCRIPT.format(port=PORT))
        wait_until(lambda: listens(board), "listening", 60)
        stored = [timed(board, lambda: _store(data)) for _ in range(rounds)]
        fetched = [timed(board, lambda: _fetch(data)) for _ in range(rounds)]
    return {"RETR": statistics.median(fetched), "STOR": statistics.median(stored)}


def listens(board):
    """Whether the loop takes clients.

    One that came and left without a word would hold it for ever: an end that comes before
    accept() is lost (modlwip.c:560).
    """
    try:
        with _connect() as sock:
            sock.sendall(b"?")
            return sock.recv(1) == b""
    except OSError:
        return False


def timed(board, work):
    """The board's seconds that work() takes."""
    start = board.seconds
    work()
    return board.seconds - start


def _connect():
    return socket.create_connection((BOARD, PORT), 5)


def _fetch(data):
    with _connect() as sock:
        sock.settimeout(60)
        sock.sendall(b"R")
        received = bytearray()
        while piece := sock.recv(65536):
            received += piece
    assert received == data


def _store(data):
    with _connect() as sock:
        sock.settimeout(60)
        sock.sendall(b"S" + data)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"1"
