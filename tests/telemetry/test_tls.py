"""Telemetry over TLS, against a mosquitto with certificates that are right, wrong or late."""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fixtures_mqtt import Mosquitto
from ftp_client import linger
from outpost import bundle
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare

from tests.telemetry.conftest import STATUS, STORED

BOARD = """
%s
status.section("board").update({"id": "b0a4d", "name": "shed", "version": "1.2", "boots": 3,
                                "firmware": "MicroPython", "reset_cause": "power-on"})
status.section("x")["y"] = "z" * 20000  # more than one record of TLS holds
from services.telemetry import Telemetry
service = Telemetry(status, events, site, broker=%r, cafile=%r)
"""
DAY = datetime.timedelta(days=1)


# A heap that is full to the byte can't be had at will: the module is told that it is.
FULL = """
import gc
from services.telemetry import secure

class Full:
    collect = gc.collect

    def mem_free():
        return free

secure.gc = Full
free = 10_000

def relieve():
    global free
    free = 100_000
"""


def name_of(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """A CA of a test; issue() makes what a broker needs."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(name_of("CA of a test"), self.key.public_key(), ca=True)
        self.der = folder / "ca.der"
        self.der.write_bytes(self.certificate.public_bytes(serialization.Encoding.DER))
        self.pem = folder / "ca.pem"
        self.pem.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names, days=30):
        """Write broker.crt and broker.key for these names, or for none that is asked for."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(name_of("broker"), key.public_key(), names=names, days=days)
        (self.folder / "broker.crt").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        (self.folder / "broker.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _signed(self, subject, public_key, names=(), days=30, ca=False):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name_of("CA of a test"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([alternative(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self.key, hashes.SHA256())


class SecureMosquitto(Mosquitto):
    """mosquitto with a second listener, of TLS."""

    def __init__(self, folder, port, tls_port):
        super().__init__(folder, port)
        self.tls_port = tls_port
        config = folder / "mosquitto.conf"
        more = (
            f"listener {tls_port} 127.0.0.1",
            f"certfile {folder}/broker.crt",
            f"keyfile {folder}/broker.key",
        )
        config.write_text(config.read_text() + "\n".join(more) + "\n")


@pytest.fixture
def authority(tmp_path):
    """A CA whose broker is called localhost."""
    made = Authority(tmp_path)
    made.issue("localhost", "127.0.0.1")
    return made


@pytest.fixture
def mosquitto(authority, tmp_path, free_port):
    """The broker: in clear for those who look on, with TLS for the board."""
    broker = SecureMosquitto(tmp_path, free_port(), free_port())
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def telemetry(alone, mosquitto, authority):
    """Start the service: (host="localhost", cafile=None, before="", packages, url) -> Device."""

    def start(host="localhost", cafile=None, before="", packages=None, url=None):
        url = url or f"mqtts://{host}:{mosquitto.tls_port}"
        return alone(BOARD % (before, url, str(cafile or authority.der)), packages)

    return start


def wait_told(device, text):
    """Wait until the status says what is wrong; nobody has connected meanwhile."""
    device.wait_until(f'{text!r} in ({STATUS}["last_error"] or "")')
    assert device.ask(STATUS)["connected"] is False


@pytest.mark.parametrize("form", ["der", "pem"])
def test_a_broker_with_a_good_certificate_hears_everything(
    telemetry, mosquitto, subscriber, authority, packages, form
):
    device = telemetry(cafile=getattr(authority, form), packages=packages)
    for number in range(20):
        device.ask(STORED % number)
    subscriber.wait_for("ftp/transfer", count=20)
    subscriber.wait_for("homeassistant/device/outpost-b0a4d/config")

    state = subscriber.wait_for("/state").json
    assert state["x"]["y"] == "z" * 20000
    device.wait_until(STATUS + '["waiting"] == 0')
    assert device.ask("stall()") < 250
    device.ask("stop()")
    assert subscriber.wait_for("/status", count=2).payload == b"offline"
    assert "disconnected." in mosquitto.log.read_text()


def test_a_restarted_broker_is_found_again_and_no_event_is_lost(telemetry, mosquitto, subscriber):
    device = telemetry()
    subscriber.wait_for("/state")
    mosquitto.freeze()
    device.ask(STORED % "a")
    mosquitto.stop()
    wait_told(device, "")
    device.ask(STORED % "b")
    mosquitto.start()
    device.ask('events.publish("network/up")')

    subscriber.wait_for("ftp/transfer", path="/a")
    subscriber.wait_for("ftp/transfer", path="/b")
    assert device.ask("stall()") < 250


def test_an_address_is_a_name_too(telemetry, subscriber):
    telemetry(host="127.0.0.1")

    assert subscriber.wait_for("/status").payload == b"online"


@pytest.mark.parametrize(
    ("names", "days", "why"),
    [
        (["elsewhere.example"], 30, "does not match"),
        ([], 30, "does not match"),
        (["localhost"], -1, "expired"),
    ],
)
def test_a_certificate_of_another_name_or_time_is_refused(
    telemetry, mosquitto, authority, names, days, why
):
    mosquitto.stop()
    authority.issue(*names, days=days)
    mosquitto.start()
    device = telemetry()

    wait_told(device, why)
    assert "b0a4d" not in mosquitto.log.read_text()  # it never said who it was


def test_a_certificate_of_another_authority_is_refused(telemetry, mosquitto, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    device = telemetry(cafile=Authority(other).der)

    wait_told(device, "not correctly signed")
    assert "b0a4d" not in mosquitto.log.read_text()


def test_plain_mqtt_to_the_port_of_tls_is_told(telemetry, mosquitto):
    device = telemetry(url=f"mqtt://127.0.0.1:{mosquitto.tls_port}")

    wait_told(device, "write mqtts:// in telemetry.broker")


def test_tls_to_the_port_of_plain_mqtt_is_told(telemetry, mosquitto):
    device = telemetry(url=f"mqtts://127.0.0.1:{mosquitto.port}")

    wait_told(device, "write mqtt:// in telemetry.broker")


def test_a_broker_that_resets_the_connection_is_named_over_tls_too(alone, authority, tmp_path):
    """mbedtls gives a socket's error as a negative number, as getaddrinfo() does its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")

    def serve():
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the probe says nothing
            client = context.wrap_socket(server.accept()[0], server_side=True)
            client.recv(4096)
            client.sendall(b"\x20\x02\x00\x00")
            client.recv(4096)
            linger(client)
            socket.socket(fileno=client.detach()).close()  # no close_notify: a reset

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_all():
            with contextlib.suppress(OSError):
                while True:
                    serve()

        threading.Thread(target=serve_all, daemon=True).start()
        url = f"mqtts://localhost:{server.getsockname()[1]}"
        device = alone(BOARD % ("", url, str(authority.der)))
        deadline = time.monotonic() + 30
        while "left out" not in (device.ask(STATUS).get("problem") or ""):
            assert time.monotonic() < deadline, device.ask(STATUS)
            device.ask('events.publish("network/up")')
            time.sleep(0.05)

    assert "closes the connection on outpost/b0a4d/status, " in device.ask(STATUS)["problem"]


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"x" * 9000])
def test_what_is_wrong_with_the_ca_file_is_said(telemetry, tmp_path, content):
    path = tmp_path / "broken.der"
    if content is not None:
        path.write_bytes(content)
    device = telemetry(cafile=path)

    wait_told(device, f"telemetry.cafile, {path}: ")


def test_too_full_a_heap_refuses_tls_and_goes_on(telemetry, mosquitto):
    device = telemetry(before=FULL)
    wait_told(device, "not enough memory for TLS")
    assert "b0a4d" not in mosquitto.log.read_text()
    device.ask("relieve()")
    device.ask('events.publish("network/up")')
    device.wait_until(STATUS + '["connected"]')


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_broker_that_never_shakes_hands_costs_no_stall(alone, authority, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"mqtts://localhost:{server.getsockname()[1]}"
        device = alone(BOARD % ("", url, str(authority.der)))
        server.accept()[0].close()  # the probe
        client = server.accept()[0]
        if answer:
            client.sendall(answer)
        device.wait_for("telemetry/down")
        client.close()

        assert device.ask("stall()") < 250


def test_a_board_without_the_time_waits_for_it(
    start_board, mosquitto, subscriber, authority, chronyd, tmp_path
):
    """A certificate isn't valid yet in 2000; NTP comes first, and telemetry then at once."""
    flash = tmp_path / "late.img"
    prepare(flash, bundle.tree_root())
    with Flash(flash) as content:
        content.write("/tls/ca.der", authority.der.read_bytes())
    board = start_board(
        flash=flash,
        clock="2000",
        config={
            "telemetry": {"broker": f"mqtts://localhost:{mosquitto.tls_port}"},
            "time": {"servers": [chronyd.address]},
        },
    )
    board.wait_console("waits for the clock")
    subscriber.wait_for("/status")

    assert board.console.index("waits for the clock") < board.console.index("time/sync")
    assert json.loads(subscriber.wait_for("/state").payload)["time"]["set"] is True
