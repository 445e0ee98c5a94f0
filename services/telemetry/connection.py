"""Connection: one connection to an MQTT broker, through umqtt and without blocking the loop."""

import socket
from errno import EINPROGRESS, ETIMEDOUT
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const
from umqtt.simple import MQTTClient, MQTTException

from hal.net import resolve, within, writable
from services.telemetry.wire import Wire

_PROBE_MS = const(3000)
_CONNECT_S = const(1)  # umqtt blocks this long at most, should the broker vanish after the probe
_ANSWER_MS = const(5000)
_CONNACK = const(0x20)
_PINGRESP = const(0xD0)
_REFUSALS = {
    2: "it does not like our client id",
    3: "it is not available",
    4: "wrong user name or password",
    5: "not authorised",
}

# What umqtt raises: the last three when a packet is cut short or not what it expects.
TROUBLE = (OSError, MQTTException, IndexError, TypeError, AssertionError)


class Connection:
    """publish() gathers; confirm() sends, and returns once the broker has taken it all.

    Every coroutine may raise what TROUBLE names. close() whatever happens. keepalive in
    seconds; ended: an asyncio.Event that is set when the broker goes away.
    """

    def __init__(self, broker, client_id, keepalive, ended):
        self.stall_ms = 0  # how long connecting held the loop
        self._ended = ended
        self._broker = broker
        self._client_id = client_id
        self._keepalive = keepalive
        self._client = None
        self._wire = None
        self._listener = None
        self._pings = 0
        self._pongs = 0
        self._ponged = asyncio.Event()
        self._error = None

    async def open(self, will_topic, will):
        """Connect and log in; the broker publishes will, retained, should the board vanish."""
        host, port, user, password = self._broker
        address = await resolve(host)
        await _probe(address, port)
        self._client = client = MQTTClient(
            self._client_id,
            address,
            port,
            user,
            password,
            self._keepalive,
            ssl=self,  # umqtt's own door for another kind of socket, see wrap_socket()
        )
        client.set_last_will(will_topic, will, retain=True)
        began = ticks_ms()
        try:
            client.connect(timeout=_CONNECT_S)
        finally:
            self.stall_ms = ticks_diff(ticks_ms(), began)
        await self._wire.flush(_ANSWER_MS)
        try:
            kind = await asyncio.wait_for_ms(self._wire.receive(), _ANSWER_MS)
        except asyncio.TimeoutError:
            raise OSError("the broker takes the connection but does not answer")
        assert kind == _CONNACK
        code = self._wire.packet[3]
        if code:
            raise MQTTException("the broker refuses: " + _REFUSALS.get(code, "code %d" % code))
        self._listener = asyncio.create_task(self._listen())

    def wrap_socket(self, sock, server_hostname=None):
        """What umqtt calls on a TLS context: it takes the socket that this returns."""
        self._wire = Wire(sock)
        return self._wire

    def publish(self, topic, payload, retain=False):
        """Gather one message of QoS 0; topic and payload are bytes."""
        self._client.publish(topic, payload, retain)

    async def flush(self):
        """Send what was gathered, without asking whether it arrived."""
        await self._wire.flush(_ANSWER_MS)

    async def confirm(self):
        """Send what was gathered and return once the broker has taken it.

        MQTT on one connection is ordered: the PINGRESP comes after all that went before its
        PINGREQ. OSError where it does not come in time.
        """
        self._client.ping()
        self._pings += 1
        awaited = self._pings
        await self._wire.flush(_ANSWER_MS)
        while self._pongs < awaited:
            if self._error:
                raise self._error
            self._ponged.clear()
            try:
                await asyncio.wait_for_ms(self._ponged.wait(), _ANSWER_MS)
            except asyncio.TimeoutError:
                raise OSError("the broker does not answer any more")

    async def leave(self):
        """Say goodbye, so that the broker forgets the will, after all that was gathered."""
        self._wire.write(b"\xe0\x00")  # DISCONNECT; umqtt's own would close before flush()
        await self._wire.flush(_ANSWER_MS)

    def close(self):
        """Let everything go; may be called at any time and again."""
        if self._listener:
            self._listener.cancel()
            self._listener = None
        if self._client and self._client.sock:
            self._client.sock.close()
            self._client.sock = None

    async def _listen(self):
        """The one reader of the connection: hand each whole packet to umqtt."""
        try:
            while True:
                kind = await self._wire.receive()
                self._client.wait_msg()
                if kind == _PINGRESP:
                    self._pongs += 1
                    self._ponged.set()
        except TROUBLE as error:
            self._error = error
            self._ponged.set()
            self._ended.set()


async def _probe(address, port):
    """OSError unless something takes connections there, without the blocking of connect()."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        try:
            sock.connect(socket.getaddrinfo(address, port)[0][-1])
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        await within(_PROBE_MS, writable(sock))
        sock.read(1)  # a refused connection is writable too: only this tells
    except OSError as error:
        if error.errno == ETIMEDOUT:
            raise OSError("nothing answers at %s:%d" % (address, port))
        raise
    finally:
        sock.close()
