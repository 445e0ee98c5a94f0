"""Brokers that don't take everything: each is named in STAT, and costs no endless reconnection."""

import contextlib
import socket
import threading
import time

import pytest

from tests.telemetry.conftest import STATUS

BOARD = """
status.section("board").update({"id": %r, "name": "shed", "version": "1.2", "boots": 3,
                                "firmware": "MicroPython", "reset_cause": "power-on"})
status.section("network").update({"address": "10.0.0.7"})
from services.telemetry import Telemetry
service = Telemetry(status, events, site, %r, every_s=1, commands=True)
"""
EVENT = 'events.publish("ftp/transfer", event_type="stored", path="/%d", bytes=7, ok=True)'
BASE = "outpost/b0a4d/"
DISCOVERY = "homeassistant/device/outpost-b0a4d/config"
CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


class Broker:
    """MQTT as far as a board needs it. takes(kind, topic, size): False to close on a packet."""

    def __init__(self, takes=lambda kind, topic, size: True, grant=0):
        self.takes = takes
        self.grant = grant
        self.connections = 0
        self.client_id = None
        self.topics = []  # of what was published and taken
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self):
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client, contextlib.suppress(ConnectionError, IndexError):
                    self._talk(client, client.makefile("rb"))

    def _talk(self, client, stream):
        """One connection; IndexError at its end."""
        while True:
            kind = stream.read(1)[0] >> 4
            size = shift = 0
            while True:
                byte = stream.read(1)[0]
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            body = stream.read(size)
            start = {CONNECT: 10, SUBSCRIBE: 2}.get(kind, 0)
            text = body[start + 2 :][: int.from_bytes(body[start : start + 2])].decode()
            if not self.takes(kind, text, size):
                return
            if kind == CONNECT:
                self.connections += 1
                self.client_id = text
                client.sendall(b"\x20\x02\x00\x00")
            elif kind == PUBLISH:
                self.topics.append(text)
            elif kind == SUBSCRIBE:
                count = body.count(b"/status\0") + body.count(b"/command\0")
                client.sendall(bytes([0x90, 2 + count, *body[:2], *[self.grant] * count]))
            elif kind == PINGREQ:
                client.sendall(b"\xd0\x00")


@pytest.fixture
def broker():
    """Start a broker: (takes, grant=0) -> Broker."""
    with contextlib.ExitStack() as stack:

        def start(*args, **options):
            made = Broker(*args, **options)
            stack.callback(made.close)
            return made

        yield start


def until(device, expression, timeout=30):
    """Wait until an expression is true; no attempt of the board's waits for its time to come."""
    deadline = time.monotonic() + timeout
    while not device.ask(expression):
        assert time.monotonic() < deadline, device.ask(STATUS)
        device.ask('events.publish("network/up")')
        time.sleep(0.05)


def stays(device, broker):
    """Whether one connection lasts from here on, and the board says what it may."""
    until(device, STATUS + '["connected"]')
    connections = broker.connections
    said = len(broker.topics)
    deadline = time.monotonic() + 10
    while len(broker.topics) < said + 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    return broker.connections == connections and device.ask(STATUS)["connected"]


@pytest.mark.parametrize(
    ("topic", "named", "advice"),
    [
        ("status", BASE + "status", "let this user publish there"),
        ("info", BASE + "info", "let this user publish there"),
        ("state", BASE + "state", "let this user publish there, and take packets of"),
        ("event/", BASE + "event/#", "let this user publish there, and take packets of"),
        (DISCOVERY, DISCOVERY, "or set telemetry.discovery to false"),
    ],
)
def test_a_broker_that_closes_on_a_topic(alone, broker, topic, named, advice):
    own = topic if topic == DISCOVERY else BASE + topic
    picky = broker(lambda kind, text, size: kind != PUBLISH or not text.startswith(own))
    device = alone(BOARD % ("b0a4d", picky.url))
    for number in range(8):
        device.ask(EVENT % number)
    until(device, f'"left out" in ({STATUS}.get("problem") or "")')
    problem = device.ask(STATUS)["problem"]

    assert f"closes the connection on {named}, " in problem
    assert advice in problem
    assert stays(device, picky)
    assert picky.connections < 8
    assert not any(text.startswith(own) for text in picky.topics)


def test_a_broker_with_a_packet_limit_hears_all_that_is_short(alone, broker):
    strict = broker(lambda kind, text, size: size <= 2048)
    device = alone(BOARD % ("b0a4d", strict.url))
    until(device, f'"left out" in ({STATUS}.get("problem") or "")')

    assert f"{DISCOVERY}, which is left out" in device.ask(STATUS)["problem"]
    assert "take packets of 8192 bytes" in device.ask(STATUS)["problem"]
    assert stays(device, strict)
    assert BASE + "state" in strict.topics


def test_a_broker_that_closes_on_a_subscription(alone, broker):
    picky = broker(lambda kind, text, size: kind != SUBSCRIBE)
    device = alone(BOARD % ("b0a4d", picky.url))
    until(device, f'"left out" in ({STATUS}.get("problem") or "")')

    assert f"on {BASE}command and homeassistant/status, " in device.ask(STATUS)["problem"]
    assert stays(device, picky)


def test_a_broker_that_refuses_a_subscription(alone, broker):
    picky = broker(grant=0x80)
    device = alone(BOARD % ("b0a4d", picky.url))
    until(device, f'"refuses" in ({STATUS}.get("problem") or "")')
    problem = device.ask(STATUS)["problem"]

    assert f"refuses the subscription to {BASE}command and homeassistant/status; let " in problem
    assert stays(device, picky)
    assert picky.connections == 1


def test_what_was_closed_on_is_tried_again_after_an_hour(alone, broker):
    broken = True
    picky = broker(lambda kind, text, size: not (broken and text == BASE + "info"))
    device = alone(BOARD % ("b0a4d", picky.url))
    until(device, f'"left out" in ({STATUS}.get("problem") or "")')
    broken = False
    until(device, STATUS + '["connected"]')
    device.ask("service.unwelcome.update({0: -3601})")

    device.wait_until(STATUS + '["problem"] is None')
    assert device.ask("service.unwelcome == {}")
    device.ask("stop()")
    device.ask("asyncio.create_task(service.run()) and None")
    until(device, STATUS + '["connected"]')
    assert BASE + "info" in picky.topics


@pytest.mark.parametrize("device_id", ["b0a4d", "e6614103e7174a2f", "0123456789abcdef01234567"])
def test_the_client_id_is_one_that_every_broker_takes(alone, broker, device_id):
    """MQTT 3.1.1 section 3.1.3.1: 1 to 23 letters and digits."""
    simple = broker()
    alone(BOARD % (device_id, simple.url))
    deadline = time.monotonic() + 20
    while simple.client_id is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert simple.client_id.isalnum()
    assert 1 <= len(simple.client_id) <= 23
    assert simple.client_id.endswith(device_id[-16:])


def test_a_port_of_tls_is_told_to_who_speaks_plainly_to_it(alone):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            server.accept()[0].close()  # the probe
            client = server.accept()[0]
            client.recv(100)
            client.sendall(b"\x15\x03\x01\x00\x02\x02\x46")  # alert: protocol version

        threading.Thread(target=serve, daemon=True).start()
        device = alone(BOARD % ("b0a4d", f"mqtt://127.0.0.1:{server.getsockname()[1]}"))
        error = device.wait_for("telemetry/down")["error"]

    assert error == "TLS is spoken there, write mqtts:// in telemetry.broker"


def test_who_ended_a_connection_is_told_where_lwip_tells_one_caller_only(micropython):
    """An ESP32's: the reader hears ECONNRESET, and every later call ENOTCONN."""
    script = """
import asyncio
from errno import ECONNRESET, ENOTCONN
from services.telemetry.connection import Connection
class Stream:
    error = ECONNRESET
    def read(self, size):
        self.write(b"", 0, 0)
    def write(self, data, start, size):
        told = OSError(self.error)
        self.error = ENOTCONN
        raise told
async def main():
    ended = asyncio.Event()
    connection = Connection(ended, None)
    stream = connection.stream = Stream()
    connection.write = stream.write
    connection.listen()
    await ended.wait()
    try:
        await connection.confirm()
    except OSError as error:
        print(error.errno == ECONNRESET)
asyncio.run(main())
"""
    assert micropython(script) == "True\n"
