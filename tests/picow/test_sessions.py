"""Two clients with a transfer each beside MQTT; a third hears 421, or waits."""

import socket
import threading
import time

from picow.network import BOARD, HOST, LAPTOPS
from picow.station import Watch
from picow.transfers import Download, content, store

SIZE = 60_000
BUSY_S = 15  # how long the two transfers last
GREETED_S = 90  # a client's system sends its SYN again after 1, 2, 4 ... 32 s


class Third:
    """A client that comes too late, in a thread of its own: heard is its greeting.

    error: why it has heard nothing and never will, as an exception.
    """

    def __init__(self, source):
        self.heard = b""
        self.error = None
        self._thread = threading.Thread(target=self._knock, args=[source], daemon=True)
        self._thread.start()

    def _knock(self, source):
        try:
            with socket.create_connection((BOARD, 21), GREETED_S, (source, 0)) as sock:
                self.heard = sock.recv(200)
                assert self.heard, "closed without a word"
        except (OSError, AssertionError) as error:
            self.error = error

    def wait(self):
        """Wait until it has heard something."""
        self._thread.join(GREETED_S)
        return self.heard[:3]


def test_two_sessions_with_transfers_and_a_third_client(station, board):
    """Both downloads are whole, MQTT stays up; further clients hear 421, or wait and are greeted.

    None is ever reset, as a client is that comes when the backlog is full.
    """
    data = content(SIZE)
    first = board.ftp(HOST)
    store(first, "/shared.bin", data)
    watch = Watch(station)
    downloads = [Download(first, "/shared.bin"), Download(board.ftp(LAPTOPS[0]), "/shared.bin")]
    for download in downloads:
        download.read(1000)
    thirds = [Third(source) for source in LAPTOPS[1:]]
    until = time.monotonic() + BUSY_S
    while time.monotonic() < until:
        for download in downloads:
            download.read(1000)
        for third in thirds:
            assert third.error is None, third.error
            assert third.heard[:3] in (b"", b"421")
        time.sleep(0.5)
    for download in downloads:
        assert download.finish() == data
        download.session.quit()
    for third in thirds:
        assert third.wait() in (b"220", b"421"), third.error
    watch.check()
