"""Opens a connection to an MQTT broker; borrowed for that, and unloaded while it lasts."""

import socket
from errno import EINPROGRESS, ETIMEDOUT
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal.net import resolve, within, writable
from services.borrow import borrow, reason
from services.telemetry.connection import ANSWER_MS

_PROBE_MS = const(3000)
_CONNECT_S = const(1)  # umqtt blocks at most this long if the broker disappears after the probe
_CONNACK = const(0x20)
_ALERT = const(0x15)  # a TLS alert, the reply to what is no handshake (RFC 8446 section 5.1)
_ID_MAX = const(23)  # letters and digits that every broker accepts (MQTT 3.1.1 section 3.1.3.1)
_WRONG_SCHEME = "%sTLS is spoken there, write mqtt%s:// in telemetry.broker"
_REFUSALS = {
    2: "it does not like our client id",
    3: "it is not available",
    4: "wrong user name or password",
    5: "not authorised",
}


class _FakeContext:
    """Fake SSLContext for umqtt, which uses what wrap_socket() returns as its socket.

    umqtt connects and sends its CONNECT in several small writes, then blocks until the reply. Here
    its writes are collected, and it reads an accepting CONNACK at once.
    """

    def __init__(self, connection, secure):
        self._connection = connection
        self._secure = secure

    def wrap_socket(self, sock, server_hostname=None):
        """Return the socket that umqtt uses from here on: this object."""
        connection = self._connection
        sock.setblocking(False)
        connection.sock = connection.stream = sock
        if self._secure:
            connection.stream = self._secure(hal.wire(sock))
            connection.write = connection.stream.write
            connection.shaking = True
        else:
            connection.write = hal.writer(sock)
        return self

    def write(self, data, size=None):
        """Collect data, or its first size bytes."""
        self._connection.out.extend(data if size is None else memoryview(data)[:size])

    def read(self, size):
        """Return a CONNACK that accepts (MQTT 3.1.1 section 3.2)."""
        return b"\x20\x02\x00\x00"


async def open_connection(connection, telemetry):
    """Connect and log in as configured. Raises OSError or MemoryError.

    Sets a last will: the broker publishes "offline", retained, if the board disappears.
    """
    telemetry.saying = None
    host, port, user, password, tls = telemetry.broker
    secure = None
    if tls:
        from services.telemetry.secure import Secure

        # First, because it raises an exception until the clock is set.
        secure = Secure(host, telemetry.cafile).wrap
    try:
        address = await resolve(host)
    except OSError as error:
        raise OSError("no address for %s: %s" % (host, reason(error)))
    await _probe(address, port)
    client = borrow("umqtt.simple", "MQTTClient")(
        *(_client_id(telemetry.device), address, port, user, password, telemetry.keepalive),
        ssl=_FakeContext(connection, secure),
    )
    client.set_last_will((telemetry.base + "status").encode(), b"offline", retain=True)
    began = ticks_ms()
    try:
        client.connect(timeout=_CONNECT_S)
    except Exception:
        if client.sock and not connection.sock:
            client.sock.close()
        raise
    finally:
        connection.stall_ms = ticks_diff(ticks_ms(), began)
    try:
        await connection.flush()
        kind, answer = await asyncio.wait_for_ms(connection.receive(), ANSWER_MS)
    except asyncio.TimeoutError:
        raise OSError("the broker takes the connection but does not answer")
    except OSError as error:
        why = reason(error)
        if "closed" in why or "reset" in why:  # brokers do that if they can't read a packet
            hint = _WRONG_SCHEME % (("if no ", "") if tls else ("if ", "s"))
            raise OSError("%s before it answered; %s" % (why, hint))
        raise
    except ValueError as error:  # mbedtls raises it in the handshake
        raise OSError("the broker's certificate is refused: %s" % str(error).strip())
    if kind == _ALERT:
        raise OSError(_WRONG_SCHEME % ("", "s"))
    if kind != _CONNACK or len(answer) < 2:
        raise OSError("what answers is no MQTT broker")
    code = answer[1]
    if code:
        raise OSError("the broker refuses: " + _REFUSALS.get(code, "code %d" % code))
    connection.listen()


def _client_id(device):
    """Return a client identifier as bytes: the end of the device's name, which is unique."""
    return "".join([c for c in device if c.isalpha() or c.isdigit()])[-_ID_MAX:].encode()


async def _probe(address, port):
    """Raise OSError unless a server accepts connections there. Doesn't block, unlike umqtt."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        try:
            sock.connect(socket.getaddrinfo(address, port)[0][-1])
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        await within(_PROBE_MS, writable(sock))
        sock.read(1)  # a refused connection is writable too; only a read raises
    except OSError as error:
        if error.errno == ETIMEDOUT:
            raise OSError("nothing answers at %s:%d" % (address, port))
        raise
    finally:
        sock.close()
