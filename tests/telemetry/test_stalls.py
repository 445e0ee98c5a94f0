"""Brokers that are far away, mute, slow or none at all: they cost no stall."""

import socket
import threading

import pytest

from tests.telemetry.conftest import STATUS, STORED, connected, wait_told


def test_a_broker_that_is_far_away_costs_no_stall(telemetry):
    device = telemetry("mqtt://192.0.2.1:1883")  # RFC 5737: nobody lives there
    device.wait_for("telemetry/down")

    assert device.ask("stall()") < 250


def test_a_mute_broker_costs_no_stall(telemetry):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        device = telemetry(f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
        wait_told(device, "does not answer")

        assert device.ask("stall()") < 250
        assert device.ask(STATUS)["stall_ms"] < 250


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"\x20", b"\xff" * 9, b""])
def test_whatever_is_not_a_broker_does_not_end_the_service(telemetry, answer):
    def serve():
        for _ in range(2):  # the probe, then the connection
            client = server.accept()[0]
            client.sendall(answer)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        device = telemetry(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        device.wait_for("telemetry/down")

        assert device.ask("running.done()") is False
        assert device.ask("stall()") < 250


def test_a_slow_line_tears_no_packet(telemetry):
    """A broker that reads a byte now and then: short writes, and a state larger than buffers."""
    taken = bytearray()

    def serve():
        server.accept()[0].close()
        client = server.accept()[0]
        client.sendall(b"\x20\x02\x00\x00")
        while len(taken) < 400_000:
            part = client.recv(4096)
            if not part:
                return
            taken.extend(part)
            client.sendall(b"\xd0\x00" * part.count(b"\xc0\x00"))

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        more = 'status.section("x")["y"] = "z" * 300000'
        device = telemetry(f"mqtt://127.0.0.1:{server.getsockname()[1]}", more=more)
        connected(device)
        device.ask(STORED % "after")
        device.wait_until(STATUS + '["sent"] == 1')
        assert device.ask("stall()") < 250
        device.process.kill()
        thread.join(10)

    packets = list(split(bytes(taken)))
    # CONNECT, and each with its PINGREQ: status, info, SUBSCRIBE, and the state.
    assert [kind >> 4 for kind, _ in packets[:8]] == [1, 3, 12, 3, 12, 8, 12, 3]
    assert b"z" * 300000 in packets[7][1]
    assert any(b"/after" in body for _, body in packets)


def split(stream):
    """The MQTT packets in a stream, as (first byte, the rest without its length)."""
    at = 0
    while at < len(stream):
        kind, size, shift = stream[at], 0, 0
        while True:
            at += 1
            size |= (stream[at] & 127) << shift
            shift += 7
            if stream[at] < 128:
                break
        at += 1
        yield kind, stream[at : at + size]
        at += size
