"""`socket` as on boards: the host's sockets under the rules of the rp2 or the esp32 port.

rp2: extmod/modlwip.c, esp32: ports/esp32/modsocket.c, both of v1.28.0. Where a board would hang or
lose bytes this one does too, so that no program works here that fails there.
"""

import io
from errno import EAGAIN, ECONNRESET, EINVAL, ENOMEM
from struct import pack_into, unpack_from
from time import sleep_ms

import usocket
from _host import libc, rules
from micropython import const
from uselect import POLLERR, POLLHUP, poll

_RP2 = rules["port"] == "rp2"
_MOST = rules["sockets"]
_LISTENERS = const(8)  # lwIP opt.h:455; on rp2 a separate pool
_HOST_BACKLOG = const(128)
_ENFILE = const(23)
_FILENO = const(10)  # MP_STREAM_GET_FILENO
_SIOCOUTQ = const(0x5411)
_SEGMENT = const(800)  # TCP_MSS
_HEAD = const(64)  # bytes of lwIP's heap for each segment, beside its data
_BLOCKS = const(200)  # lwip_tcp_send(): 200 times 50 ms
_STEP_MS = const(50)

AF_INET = usocket.AF_INET
AF_INET6 = usocket.AF_INET6
SOCK_STREAM = usocket.SOCK_STREAM
SOCK_DGRAM = usocket.SOCK_DGRAM
IPPROTO_IP = 0
IPPROTO_TCP = 6
SOL_SOCKET = 1 if _RP2 else 0xFFF  # modlwip.c:1932; lwip/sockets.h:243
SO_REUSEADDR = 4  # lwip/ip.h:110
SO_BROADCAST = 0x20
TCP_NODELAY = 0x40 if _RP2 else 1  # modlwip.c:71; lwip/sockets.h:288
_LINUX_LINGER = const(13)
_PEEK = const(0x42)  # MSG_PEEK and MSG_DONTWAIT

_RAM = const(0x20010000)
# Offsets in a struct tcp_pcb: mss; the peer's largest window, directly before snd_buf; the number
# of buffers, after it (lwip/tcp.h).
_MSS = const(50)
_WINDOW = const(98)
_SND_BUF = const(100)
_QUEUE = const(102)

_connections = []  # TCP sockets that have one of lwIP's connections, in order of creation
_listeners = []
_others = []  # UDP
_ioctl = libc.func("i", "ioctl", "iip") if libc else None
_waiting = bytearray(4)
_poller = poll()


def getaddrinfo(host, port, *_):
    """Like the unix port's, but addresses are tuples."""
    if ":" in host:
        return [(AF_INET6, SOCK_STREAM, 0, "", (host, port))]
    try:
        raw = usocket.getaddrinfo(host or "0.0.0.0", port, AF_INET)[0][-1]
    except OSError:
        raise OSError(-2)  # modlwip.c: lwip_getaddrinfo(): dns_gethostbyname()'s error
    return [(AF_INET, SOCK_STREAM, 0, "", (usocket.inet_ntop(AF_INET, raw[4:8]), port))]


def _host_address(address):
    host, port = address
    return usocket.getaddrinfo(host or "0.0.0.0", port)[0][-1]


def _reset(sock):
    """Whether a RST has come: then lwIP has freed the connection (modlwip.c:498)."""
    _poller.register(sock, 0)
    try:
        for _, event in _poller.ipoll(0):
            return event & (POLLERR | POLLHUP)
        return 0
    finally:
        _poller.unregister(sock)


def _held(sock):
    """Return the bytes of lwIP's heap that a connection holds: unacknowledged data."""
    if not _ioctl or _reset(sock):
        return 0  # unknown on 64 bits
    pack_into("i", _waiting, 0, 0)
    _ioctl(sock.fileno(), _SIOCOUTQ, _waiting)
    size = unpack_from("i", _waiting, 0)[0]
    return size and size + _HEAD * (size // _SEGMENT + 1)


def _heap_free():
    free = rules["lwip_heap"]
    for connection in _connections:
        free -= _held(connection.sock)
    return free


def peek(address):
    """Return what mem32 and mem16 read in lwIP: a socket's struct tcp_pcb, and members of it.

    modlwip.c:244 has the pcb after the object's type; the members' places are ours.
    """
    for number, connection in enumerate(_connections):
        pcb = _RAM + number * 256
        if address == id(connection) + 4:
            # The host's poll reports HUP for a socket that was never connected.
            if connection.kind != SOCK_STREAM:
                return 0
            return pcb if connection.new or not _reset(connection.sock) else 0
        if pcb <= address < pcb + 256:
            held = _held(connection.sock)
            segments = (held + _SEGMENT - 1) // _SEGMENT
            room = max(0, rules["send_buffer"] - held)
            return {
                _MSS: 536 if connection.new else _SEGMENT,
                _WINDOW: 6400,
                _SND_BUF: room,
                _QUEUE: 2 * segments,
            }.get(address - pcb, 0)
    return 0


def _address(raw):
    """Return (host, port) of an address in the unix port's bytes."""
    address = usocket.sockaddr(raw)
    return usocket.inet_ntop(address[0], address[1]), address[2]


class socket(io.IOBase):
    """One socket. Raises the port's OSError if there are already as many as the port has."""

    def __init__(self, family=AF_INET, kind=SOCK_STREAM, proto=0, *, sock=None):
        self.kind = kind
        pool = _connections if kind == SOCK_STREAM else _others
        if _RP2:
            # tcp_new() finds no free TCP_PCB, modlwip.c:991; a listener frees its own.
            if kind == SOCK_STREAM and len(_connections) >= _MOST:
                raise OSError(ENOMEM)
        elif len(_connections) + len(_listeners) + len(_others) >= _MOST:
            raise OSError(_ENFILE)  # modsocket.c:297
        self.sock = sock or usocket.socket(family, kind)
        self.blocking = True
        self.pool = pool
        self.new = sock is None
        self.deaf = False
        pool.append(self)

    def bind(self, address):
        self.sock.bind(_host_address(address))

    def listen(self, backlog=2):
        if _RP2 and len(_listeners) >= _LISTENERS:
            raise OSError(ENOMEM)
        # A client that finds the backlog full has no connection yet and asks again, because lwIP
        # ignores its SYN (tcp_listen_input). Linux would let the client believe that it is
        # connected, and then forget it. So the host's backlog holds the clients that lwIP would
        # let wait.
        self.sock.listen(max(backlog, _HOST_BACKLOG))
        self.pool.remove(self)
        self.pool = _listeners
        _listeners.append(self)

    def accept(self):
        full = (
            len(_connections) >= _MOST
            if _RP2
            else (len(_connections) + len(_listeners) + len(_others) >= _MOST)
        )
        if full and _RP2:
            # lwIP would not have replied to its SYN: no client waits, even if poll says so.
            sleep_ms(5)
            raise OSError(EAGAIN)
        if _RP2:
            return self._accept_lwip()
        sock, raw = self.sock.accept()
        if full:
            sock.close()  # lwip_accept(): netconn_delete(), ENFILE
            raise OSError(_ENFILE)
        # esp32/modsocket.c:370: if there is no memory for the client's object, its descriptor is
        # lost.
        return socket(AF_INET, SOCK_STREAM, sock=sock), _address(raw)

    def _accept_lwip(self):
        # modlwip.c:1027: the new object is created first. Without memory for it the client still
        # waits; on a later failure its finaliser closes the client.
        made = socket(AF_INET, SOCK_STREAM, sock=self.sock)
        made.sock = None
        try:
            made.sock, raw = self.sock.accept()
            made.deaf = self._ended(made.sock)
            return made, _address(raw)
        except BaseException:
            made.pool.remove(made)
            made.pool = None
            if made.sock:
                made.sock.close()
            raise

    @staticmethod
    def _ended(sock):
        """Whether the peer has closed without data: modlwip.c:560 loses that before accept()."""
        try:
            return sock.recv(1, _PEEK) == b""
        except OSError:
            return False

    def connect(self, address):
        self.new = False
        self.sock.connect(_host_address(address))

    def setblocking(self, on):
        self.blocking = on
        self.sock.setblocking(on)

    def settimeout(self, seconds):
        self.blocking = seconds != 0
        self.sock.settimeout(seconds)

    def setsockopt(self, level, option, value):
        if level == SOL_SOCKET and option in (SO_REUSEADDR, SO_BROADCAST):
            self.sock.setsockopt(1, 2 if option == SO_REUSEADDR else 6, value)
        elif option == TCP_NODELAY:
            self.sock.setsockopt(IPPROTO_TCP, 1, value)
        else:
            print("Warning: lwip.setsockopt() not implemented")  # modlwip.c:1537

    def read(self, size=-1):
        return self.sock.read(size)

    def readline(self, *size):  # modlwip.c:1657, esp32/modsocket.c:904: the unix port's own
        return self.sock.readline(*size)

    def readinto(self, buffer, *size):
        if not self.deaf:
            return self.sock.readinto(buffer, *size)
        if _reset(self.sock):  # for example while greeting a client that has left
            raise OSError(ECONNRESET)
        return None

    def recv(self, size):
        return self.sock.recv(size)

    def recvfrom(self, size):
        data, raw = self.sock.recvfrom(size)
        return data, _address(raw)

    def write(self, buffer, *part):
        size = part[-1] if part else len(buffer)
        if not _RP2 or self.kind != SOCK_STREAM:
            return self.sock.write(buffer, *part)
        # lwip_tcp_send(), modlwip.c:763
        room = rules["send_buffer"] - _held(self.sock)
        if room <= 0 and not self.blocking:
            return None
        size = min(size, room) if room > 0 else size
        needs = size + _HEAD * (size // _SEGMENT + 1)
        for _ in range(_BLOCKS):
            if needs <= _heap_free():
                return self.sock.write(buffer, part[0] if len(part) > 1 else 0, size)
            sleep_ms(_STEP_MS)
        return size  # nothing was queued: ERR_MEM is overwritten by tcp_output()'s ERR_OK

    def send(self, data):
        if self.kind != SOCK_STREAM:
            return self.sock.send(data)
        sent = self.write(data)
        if sent is None:
            raise OSError(EAGAIN)
        return sent

    def sendto(self, data, address):
        if _RP2 and ":" in address[0]:
            # lwip_raw_udp_send(): allocates first, then udp_sendto() refuses the other family.
            raise OSError(EINVAL if len(data) + _HEAD <= _heap_free() else ENOMEM)
        return self.sock.sendto(data, _host_address(address))

    def ioctl(self, request, argument):
        if request == _FILENO:
            return self.sock.fileno()
        return 0

    def close(self):
        if self.pool is None:
            return
        if self.pool is _listeners and _RP2 and _connections:
            # MP_STREAM_CLOSE, modlwip.c:1683: tcp_recv(pcb, NULL) of a listening pcb writes after
            # its end, into the first connection. That connection's client gets a RST.
            first = _connections[0].sock
            first.setsockopt(1, _LINUX_LINGER, b"\x01\0\0\0\0\0\0\0")
            first.close()
        self.pool.remove(self)
        self.pool = None
        self.sock.close()
