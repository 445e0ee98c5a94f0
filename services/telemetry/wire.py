"""Wire: the socket that umqtt is given in place of its own, so that it never blocks."""

import asyncio
from micropython import const

from hal.net import within, writable

_PACKET_MAX = const(1024)  # what a broker may send us at once
_CONNACK = b"\x20\x02\x00\x00"  # MQTT 3.1.1 section 3.2: accepted


class Wire:
    """Gathers what umqtt writes until flush(), and gives it to read only what receive() took in.

    umqtt sends a packet in several small writes, ignores short ones, and reads blocking: with
    Nagle's algorithm that costs 40 ms a packet, with a slow network the packet, with a mute
    broker the loop. Its connect() finds a CONNACK here at once; whoever calls it awaits the
    broker's own with receive().
    """

    def __init__(self, sock):
        sock.setblocking(False)
        self._sock = sock
        self._stream = asyncio.StreamReader(sock)
        self._out = bytearray()
        self._sent = 0
        self._at = 0
        self.packet = _CONNACK  # the one taken in last

    def write(self, data, size=None):
        """Gather data, or its first size bytes."""
        self._out.extend(data if size is None else memoryview(data)[:size])

    def read(self, size):
        """The next bytes of the packet taken in last; fewer where it ends."""
        self._at += size
        return bytes(self.packet[self._at - size : self._at])

    def setblocking(self, flag):
        """Nothing: umqtt's wish to block would take the time-out away."""

    def close(self):
        """Close the socket; nothing is flushed."""
        self._sock.close()

    async def flush(self, timeout_ms):
        """Send all that was gathered, in one write where the network takes it.

        OSError where timeout_ms pass without progress. May be called again after having been
        cancelled: it goes on where it was, so that no packet is cut in two.
        """
        while self._sent < len(self._out):
            # Position and length, not a slice: nothing is copied.
            sent = self._sock.write(self._out, self._sent, len(self._out) - self._sent)
            if sent:
                self._sent += sent
            else:
                await within(timeout_ms, writable(self._sock))
        self._out = bytearray()
        self._sent = 0

    async def receive(self):
        """Take in one whole packet and return its first byte; OSError where the line ends."""
        read = self._stream.readexactly
        try:
            packet = bytearray(await read(1))
            size = shift = 0
            while True:
                packet.extend(await read(1))
                size |= (packet[-1] & 127) << shift
                shift += 7
                if packet[-1] < 128:
                    break
                if size > _PACKET_MAX:
                    raise OSError("the broker sent too large a packet")
            if size > _PACKET_MAX:
                raise OSError("the broker sent too large a packet")
            packet.extend(await read(size))
        except EOFError:
            raise OSError("the broker closed the connection")
        self.packet = packet
        self._at = 0
        return packet[0]
