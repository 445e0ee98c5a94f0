"""Bad input beside an innocent session: huge lines and connections that drip.

tests/fuzz has 20,000 random lines.
"""

import contextlib
import random
import selectors
import socket
import threading
import time

import pytest


@pytest.fixture(scope="module")
def board(watched_board):
    return watched_board


@pytest.fixture(autouse=True)
def innocent(bystander, board):
    with bystander(board) as innocent:
        yield innocent


def test_lines_of_64_kib(connect):
    """Each is answered with one 500, and no memory is taken for what is thrown away."""
    rng = random.Random(64)
    sessions = [connect(user) for user in ("admin", "reader", None)]
    for _ in range(10):
        for session in sessions:
            line = rng.choice((b"NOOP ", b"STOR /", b"", b"\xff\xf4\xff\xf2ABOR "))
            letter = rng.choice((b"x", b"/", b"\xff", b"\0", b"\r", b"\xc3", b"*", b" "))
            session.send(line + letter * (65_536 - len(line)) + b"\r\n")
            session.send(b"NOOP\r\n")
    for session in sessions:
        assert [session.reply().code for _ in range(20)] == [500, 200] * 10


class Loris:
    """Connections that send a byte now and then and never a line; those that are closed return."""

    def __init__(self, port, count, begin):
        self.refused = 0
        self._over = threading.Event()
        self._address = ("127.0.0.1", port)
        self._begin = begin
        self._count = count
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _run(self):
        with selectors.DefaultSelector() as selector:
            hosts = [f"127.0.1.{number % 25 + 1}" for number in range(self._count)]
            for host in hosts:
                self._open(selector, host)
            while not self._over.wait(0.2):
                for key, _ in selector.select(0):
                    self._read(selector, key.fileobj, key.data)
                for key in list(selector.get_map().values()):
                    with contextlib.suppress(OSError):
                        key.fileobj.send(b"x")
            for key in list(selector.get_map().values()):
                key.fileobj.close()

    def _open(self, selector, host):
        sock = socket.socket()
        sock.bind((host, 0))
        sock.settimeout(10)
        sock.connect(self._address)
        sock.sendall(self._begin)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, host)

    def _read(self, selector, sock, host):
        with contextlib.suppress(BlockingIOError):
            try:
                said = sock.recv(4096)
            except ConnectionError:
                said = b""
            self.refused += said.startswith(b"421 ")
            if said:
                return
        selector.unregister(sock)
        sock.close()
        self._open(selector, host)


@pytest.mark.parametrize("begin", [b"", b"USER admin\r\nPA", b"NO"])
def test_slow_loris_on_50_connections(board, dial, begin, wait_for):
    """Who is logged in goes on; who wants to log in gets a place within seconds."""
    with Loris(board.port, 50, begin) as loris:
        wait_for(lambda: loris.refused > 20, "all sessions to be taken")
        for _ in range(3):
            began = time.monotonic()
            while True:
                assert time.monotonic() - began < 20, "nobody gets in any more"
                try:
                    with contextlib.closing(dial(board)) as session:
                        assert session.ask("PWD").code == 257
                        break
                except (ConnectionError, AssertionError):
                    time.sleep(0.1)  # as a client that tries again
