"""Telemetry through lines that are cut in mid packet, or slow, and names that nobody tells."""

import contextlib
import socket
import threading
import time

import pytest

from tests.telemetry.conftest import STATUS

STORED = 'events.publish("ftp/transfer", event_type="stored", path="/%d", bytes=7, ok=True)'
BOARD = """
status.section("board").update({"id": "b0a4d", "name": "shed", "version": "1.2", "boots": 3,
                                "firmware": "MicroPython", "reset_cause": "power-on"})
%s
from services.telemetry import Telemetry
service = Telemetry(status, events, site, broker=%r)
"""
ROOMY = 1 << 30


class Line:
    """A TCP proxy before a broker, which does to one connection after another as it is told.

    up, down: how many bytes it lets through towards the broker and back before it cuts;
    pause_s: after each 100 bytes. The probe, which says nothing, is not counted.
    """

    def __init__(self, port):
        self._broker = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.plans = []  # (up, down) of the next connections; afterwards nothing is cut
        self.pause_s = 0
        self.cuts = 0
        self._threads = []
        self._start(self._accept)

    @property
    def url(self):
        """What config.json says to use it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def _start(self, what, *arguments):
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._server.accept()[0])

    def _serve(self, client):
        first = client.recv(1, socket.MSG_PEEK)
        if not first:
            client.close()
            return
        up, down = self.plans.pop(0) if self.plans else (ROOMY, ROOMY)
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker))
        except OSError:
            client.close()
            return
        self._start(self._pump, client, broker, up)
        self._pump(broker, client, down)

    def _pump(self, source, sink, left):
        """Move at most `left` bytes; at the end of them or of the source both ends are cut."""
        with contextlib.suppress(OSError):
            while left:
                data = source.recv(min(left, 100))
                if not data:
                    break
                sink.sendall(data)
                left -= len(data)
                time.sleep(self.pause_s)
            self.cuts += not left
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self):
        """Take no more connections."""
        self._server.close()


@pytest.fixture
def line(mosquitto):
    """A Line to the broker."""
    made = Line(mosquitto.port)
    yield made
    made.close()


@pytest.mark.parametrize(
    "plan",
    [
        *((20, ROOMY), (90, ROOMY), (250, ROOMY), (500, ROOMY), (700, ROOMY), (3000, ROOMY)),
        *((ROOMY, 2), (ROOMY, 5), (ROOMY, 10)),
    ],
    ids=[
        *("in CONNECT", "in status", "in info", "in state", "in discovery", "later in discovery"),
        *("in CONNACK", "in SUBACK", "in PINGRESP"),
    ],
)
def test_a_line_cut_in_mid_packet_costs_no_event(alone, line, subscriber, plan):
    line.plans.append(plan)
    device = alone(BOARD % ("", line.url))
    for number in range(1, 13):
        device.ask(STORED % number)
    device.wait_for("telemetry/down")
    assert line.cuts == 1

    # What had arrived before the cut comes twice; seq tells.
    device.wait_until(STATUS + '["connected"] and ' + STATUS + '["waiting"] == 0')
    subscriber.wait_for("ftp/transfer", seq=12)
    told = [message.json["seq"] for message in subscriber.matching("ftp/transfer")]
    assert sorted(set(told)) == list(range(1, 13))
    assert told[-1] == 12
    assert subscriber.wait_for("/config").json["cmps"]
    assert device.ask(STATUS)["dropped"] == 0
    assert device.ask("stall()") < 250


def test_transfers_run_beside_a_line_that_is_cut_again_and_again(start_board, line, subscriber):
    line.plans += [(400, ROOMY), (ROOMY, 10), (2000, ROOMY)]
    board = start_board(clock="real", config={"telemetry": {"broker": line.url}})
    upload = board.begin_upload("/big.bin")
    session = board.ftp()
    for number in range(5):
        board.upload(session, f"/{number}.bin")
        upload.more()
    upload.finish()

    for number in range(5):
        path = f"/{number}.bin"
        subscriber.wait_for("ftp/transfer", event_type="stored", path=path, timeout=60)
    assert subscriber.wait_for("ftp/transfer", event_type="stored", path="/big.bin")
    assert line.cuts == 3


def test_a_slow_line_delays_no_transfer(start_board, line, subscriber):
    line.pause_s = 0.1  # 1 KB/s: a state takes a second or two
    board = start_board(clock="real", config={"telemetry": {"broker": line.url}})
    session = board.ftp()
    began = time.monotonic()
    for number in range(5):
        board.upload(session, f"/{number}.bin", b"x" * 100_000)
    # The line would need 500 s for that; each of its packets a second.
    assert time.monotonic() - began < 20
    subscriber.wait_for("ftp/transfer", event_type="stored", path="/4.bin", timeout=60)


@pytest.mark.parametrize("answer", [None, b"\x81\x83\0\1\0\0\0\0\0\0"], ids=["mute", "NXDOMAIN"])
def test_a_name_that_nobody_tells_costs_no_stall(alone, answer):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    query, client = server.recvfrom(512)
                    if answer:
                        server.sendto(query[:2] + answer + query[12:], client)

        threading.Thread(target=serve, daemon=True).start()
        # The unix port doesn't tell its name server, so this board is told.
        told = f"import hal.dns\nhal.dns._name_server = lambda: {server.getsockname()!r}"
        device = alone(BOARD % (told, "mqtt://broker.lan"))
        down = device.wait_for("telemetry/down")

        assert down["error"] == (
            "no address for broker.lan: no name server tells the address of broker.lan"
        )
        assert device.ask("stall()") < 250
        assert device.ask("running.done()") is False
