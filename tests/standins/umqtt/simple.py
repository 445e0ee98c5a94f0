"""Stands in for micropython-lib's umqtt.simple where that cannot be fetched: QoS 0 publishing.

It has the real one's habits, since the services must live with them: it blocks, sends a
packet in several writes, ignores short writes, and wait_msg() takes the time-out away.
"""

import socket
import struct


class MQTTException(Exception):
    """The broker refused: its return code."""


def _head(kind, size):
    """The fixed header of a packet whose rest is size bytes long."""
    head = bytearray([kind])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return head


class MQTTClient:
    """A client of one broker; texts and payloads are str or bytes."""

    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params=None,
    ):
        self.client_id = client_id
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.ssl = ssl
        self.sock = None
        self.pid = 0
        self.cb = None
        self._will = None

    def set_callback(self, f):
        """Have f(topic, message) called for each message."""
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """Have the broker publish msg should this client vanish."""
        self._will = (topic, msg, retain, qos)

    def connect(self, clean_session=True, timeout=None):
        """Connect, blocking; return whether the broker had kept a session."""
        if self.sock:
            self.sock.close()
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(self.server, self.port)[0][-1])
        if self.ssl:
            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
        texts = [self.client_id]
        flags = 2 if clean_session else 0
        if self._will:
            topic, msg, retain, qos = self._will
            texts += [topic, msg]
            flags |= 4 | qos << 3 | (32 if retain else 0)
        if self.user:
            texts += [self.user, self.pswd]
            flags |= 192
        size = 10
        for text in texts:
            size += 2 + len(text)
        self.sock.write(_head(0x10, size))
        self.sock.write(b"\0\4MQTT\4" + bytes([flags]) + struct.pack("!H", self.keepalive))
        for text in texts:
            self._text(text)
        answer = self.sock.read(4)
        assert answer[:2] == b"\x20\x02"
        if answer[3]:
            raise MQTTException(answer[3])
        return answer[2] & 1

    def disconnect(self):
        """Say goodbye, so that the broker forgets the last will."""
        self.sock.write(b"\xe0\0")
        self.sock.close()

    def ping(self):
        """Ask the broker for a sign of life."""
        self.sock.write(b"\xc0\0")

    def publish(self, topic, msg, retain=False, qos=0):
        """Publish msg; only QoS 0 here."""
        assert qos == 0
        self.sock.write(_head(0x31 if retain else 0x30, 2 + len(topic) + len(msg)))
        self._text(topic)
        self.sock.write(msg)

    def wait_msg(self):
        """Take one packet in; return its first byte, or None after a PINGRESP."""
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        if not first:
            raise OSError(-1)
        if first == b"\xd0":
            assert self.sock.read(1)[0] == 0
            return None
        if first[0] >> 4 != 3:
            return first[0]
        size = shift = 0
        while True:
            part = self.sock.read(1)[0]
            size |= (part & 127) << shift
            shift += 7
            if part < 128:
                break
        rest = self.sock.read(size)
        end = 2 + (rest[0] << 8 | rest[1])
        self.cb(rest[2:end], rest[end:])
        return first[0]

    def check_msg(self):
        """Like wait_msg(), but None at once where nothing has come."""
        self.sock.setblocking(False)
        return self.wait_msg()

    def _text(self, text):
        self.sock.write(struct.pack("!H", len(text)))
        self.sock.write(text)
