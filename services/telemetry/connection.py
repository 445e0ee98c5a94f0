"""Connection: one connection to an MQTT broker, MQTT 3.1.1 of QoS 0, never blocking the loop."""

import asyncio
from micropython import const

from hal.net import readable, room, within

ANSWER_MS = const(5000)
_TRIES = const(160)  # in vain, where poll can't tell that there is room: 5 s on an RP2
_BYTE_MS = const(2)  # what a byte may take beside that: the network's buffers take it at once
_PACKET_MAX = const(1024)  # what a broker may send us at once
_PUBLISH = const(0x30)
_SUBACK = const(0x90)
_PINGRESP = const(0xD0)
_PINGREQ = const(b"\xc0\x00")
_DISCONNECT = const(b"\xe0\x00")


class Connection:
    """publish() gathers; confirm() sends, and returns once the broker has taken it all.

    opening.py opens it. Every coroutine may raise OSError, MemoryError. close() whatever happens.
    ended: an asyncio.Event that is set when the broker goes away. hear(topic, payload,
    retained), bytes, bytes and a truth value, is called for each message of a subscription.
    """

    def __init__(self, ended, hear):
        self.stall_ms = 0  # how long connecting held the loop
        self.whole = True  # False in the middle of a packet that is sent in pieces
        self.sock = None
        self.stream = None  # sock, or TLS over it
        self.write = None  # hal.writer() of it
        self.shaking = False  # until TLS has taken the first byte
        self.out = bytearray()
        self.granted = b""  # the broker's answer to a subscription, a byte for each topic
        self._sent = 0
        self._tried = 0
        self._unconfirmed = 0  # bytes
        self._hear = hear
        self._ended = ended
        self._listener = None
        self._pings = 0
        self._pongs = 0
        self._ponged = asyncio.Event()
        self._error = None

    def listen(self):
        """Take in what the broker sends, from now on."""
        self._listener = asyncio.create_task(self._listen())

    def begin(self, kind, size):
        """Gather the head of a packet: its first byte, and the length of what follows it."""
        head = bytearray((kind,))
        while size > 127:  # section 2.2.3
            head.append(size & 127 | 128)
            size >>= 7
        head.append(size)
        self.out.extend(head)

    def text(self, data):
        """Gather bytes with their length before them (section 1.5.3)."""
        self.out.extend(bytes((len(data) >> 8, len(data) & 255)))
        self.out.extend(data)

    def publish(self, topic, payload, retain=False):
        """Gather one message (section 3.3); topic and payload are bytes."""
        self.begin(_PUBLISH | retain, 2 + len(topic) + len(payload))
        self.text(topic)
        self.out.extend(payload)

    async def flush(self):
        """Send all that was gathered, in one write where the network takes it.

        OSError where 5 s pass without progress. May be called again after having been
        cancelled: it goes on where it was, so that no packet is cut in two.
        """
        out = self.out
        tries = 0
        while self._sent < len(out):
            # Position and length, not a slice: nothing is copied. TLS wants the same length
            # again until it has taken it, whatever was gathered meanwhile.
            self._tried = self._tried or len(out) - self._sent
            try:
                sent = self.write(out, self._sent, self._tried)
            except OSError as error:
                # An ESP32's lwIP tells one caller why a connection ended, all others ENOTCONN;
                # refusal.py must know that it was the broker.
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
                # A handshake waits for the broker's part of it.
                await within(ANSWER_MS, (readable if self.shaking else room)(self.sock))
        self._unconfirmed += self._sent
        self.out = bytearray()
        self._sent = 0

    async def confirm(self):
        """Send what was gathered and return once the broker has taken it.

        MQTT on one connection is ordered: the PINGRESP comes after all that went before its
        PINGREQ. OSError where it does not come in time.
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
        """Say goodbye, so that the broker forgets the will, after all that was gathered."""
        self.out.extend(_DISCONNECT)
        await self.flush()

    def close(self):
        """Let everything go; may be called at any time and again."""
        if self._listener:
            self._listener.cancel()
            self._listener = None
        if self.sock:
            self.stream.close()
            self.sock.close()
            self.sock = None

    async def receive(self):
        """Take in a packet; return its first byte and what follows the length, as bytes.

        Messages beyond 1 KiB, which nobody here waits for, are passed over: one that is retained
        would end every connection. OSError where the line ends.
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
                await asyncio.sleep_ms(0)  # what comes fast shall not hold the loop

    async def _take(self, size):
        """Exactly size bytes. It reads before it waits: TLS may hold the rest of a record."""
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
        """The one reader of the connection."""
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
                await asyncio.sleep_ms(0)  # a flood of messages shall not hold the loop
        except (OSError, MemoryError) as error:
            self._error = error
            self._ponged.set()
            self._ended.set()
