"""Connection: one connection to an MQTT broker, MQTT 3.1.1 of QoS 0, never blocking the loop."""

import asyncio
from micropython import const

from hal.net import readable, room, within

ANSWER_MS = const(5000)
_TRIES = const(160)  # tries without progress if poll can't tell that there is room: 5 s on an RP2
_BYTE_MS = const(2)  # additional time for each byte that was sent since the last confirmation
_PACKET_MAX = const(1024)  # bytes of a packet from the broker
_PUBLISH = const(0x30)
_SUBACK = const(0x90)
_PINGRESP = const(0xD0)
_PINGREQ = const(b"\xc0\x00")
_DISCONNECT = const(b"\xe0\x00")


class Connection:
    """publish() collects messages; confirm() sends them and waits until the broker has them all.

    opening.py opens it. Every coroutine may raise OSError or MemoryError. Always call close().
    ended: an asyncio.Event that is set when the connection ends. hear(topic, payload, retained) is
    called for each message of a subscription, with bytes, bytes and a truth value.
    """

    def __init__(self, ended, hear):
        self.stall_ms = 0  # how long connecting blocked the loop
        self.whole = True  # False while a packet is sent in pieces
        self.sock = None
        self.stream = None  # sock, or TLS over it
        self.write = None  # hal.writer() of it
        self.shaking = False  # until TLS has accepted the first byte
        self.out = bytearray()
        self.granted = b""  # the broker's answer to a subscription, a byte per topic
        self._sent = 0
        self._tried = 0
        self._unconfirmed = 0  # bytes sent since the last confirmation
        self._hear = hear
        self._ended = ended
        self._listener = None
        self._pings = 0
        self._pongs = 0
        self._ponged = asyncio.Event()
        self._error = None

    def listen(self):
        """Start reading what the broker sends."""
        self._listener = asyncio.create_task(self._listen())

    def begin(self, kind, size):
        """Collect the head of a packet: its first byte and the length of the rest."""
        head = bytearray((kind,))
        while size > 127:  # section 2.2.3
            head.append(size & 127 | 128)
            size >>= 7
        head.append(size)
        self.out.extend(head)

    def text(self, data):
        """Collect bytes, preceded by their length (section 1.5.3)."""
        self.out.extend(bytes((len(data) >> 8, len(data) & 255)))
        self.out.extend(data)

    def publish(self, topic, payload, retain=False):
        """Collect one message (section 3.3); topic and payload are bytes."""
        self.begin(_PUBLISH | retain, 2 + len(topic) + len(payload))
        self.text(topic)
        self.out.extend(payload)

    async def flush(self):
        """Send everything collected, in one write if the network accepts it.

        Raises OSError after 5 s without progress. May be called again after a cancellation: it
        continues where it stopped, so that no packet is cut in two.
        """
        out = self.out
        tries = 0
        while self._sent < len(out):
            # Pass position and length, not a slice, so that nothing is copied. TLS needs the same
            # length again until it has accepted it, even if more was collected meanwhile.
            self._tried = self._tried or len(out) - self._sent
            try:
                sent = self.write(out, self._sent, self._tried)
            except OSError as error:
                # An ESP32's lwIP reports the reason to one caller only; others get ENOTCONN.
                # refusal.py must know whether the broker closed the connection, so prefer the
                # first error.
                raise self._error or error
            if sent:
                self.shaking = False
                self._tried = 0
                self._sent += sent
                tries = 0
            else:
                tries += 1
                if tries > _TRIES:
                    raise OSError("the broker takes nothing any more")
                # A handshake waits for data from the broker, not for room.
                await within(ANSWER_MS, (readable if self.shaking else room)(self.sock))
        self._unconfirmed += self._sent
        self.out = bytearray()
        self._sent = 0

    async def confirm(self):
        """Send everything collected and return once the broker has it.

        MQTT on one connection is ordered: the PINGRESP proves that the broker has read all packets
        before the PINGREQ. Raises OSError if it doesn't come in time.
        """
        self.out.extend(_PINGREQ)
        self._pings += 1
        awaited = self._pings
        await self.flush()
        patience_ms = ANSWER_MS + self._unconfirmed * _BYTE_MS
        while self._pongs < awaited:
            if self._error:
                raise self._error
            self._ponged.clear()
            try:
                await asyncio.wait_for_ms(self._ponged.wait(), patience_ms)
            except asyncio.TimeoutError:
                raise OSError("the broker does not answer any more")
        self._unconfirmed = 0

    async def leave(self):
        """Send everything collected and a DISCONNECT, so that the broker drops the last will."""
        self.out.extend(_DISCONNECT)
        await self.flush()

    def close(self):
        """Close everything. May be called at any time, and repeatedly."""
        if self._listener:
            self._listener.cancel()
            self._listener = None
        if self.sock:
            self.stream.close()
            self.sock.close()
            self.sock = None

    async def receive(self):
        """Read a packet; return its first byte, and what follows the length as bytes.

        Skips packets over 1 KiB, which this board never needs: a retained one would otherwise end
        every connection. Raises OSError when the connection ends.
        """
        while True:
            kind = (await self._take(1))[0]
            size = shift = 0
            while True:
                byte = (await self._take(1))[0]
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
                if shift > 21:
                    raise OSError("what answers is no MQTT broker")
            if size <= _PACKET_MAX:
                return kind, await self._take(size)
            while size:
                size -= len(await self._take(min(size, _PACKET_MAX)))
                await asyncio.sleep_ms(0)  # a fast sender must not block the loop

    async def _take(self, size):
        """Return exactly size bytes. Read before waiting: TLS may hold the rest of a record."""
        taken = b""
        while len(taken) < size:
            part = self.stream.read(size - len(taken))
            if part is None:
                await readable(self.sock)
            elif part:
                taken += part
            else:
                raise OSError("the broker closed the connection")
        return taken

    async def _listen(self):
        """Read all packets. No other task reads from the connection."""
        try:
            while True:
                kind, packet = await self.receive()
                if kind == _PINGRESP:
                    self._pongs += 1
                    self._ponged.set()
                elif kind == _SUBACK:
                    self.granted = packet[2:]
                elif kind & 0xF6 == _PUBLISH and len(packet) > 1:
                    end = 2 + (packet[0] << 8 | packet[1])
                    self._hear(packet[2:end], packet[end:], kind & 1)
                await asyncio.sleep_ms(0)  # a flood of messages must not block the loop
        except (OSError, MemoryError) as error:
            self._error = error
            self._ponged.set()
            self._ended.set()
