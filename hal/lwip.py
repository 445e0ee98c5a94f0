"""Writes for which lwIP has room: on an RP2, a write to a non-blocking socket may block.

If lwIP has no memory for a write, the port waits up to 10 s, longer than any watchdog allows. Then
it returns as if all bytes had been queued, and the stream has a hole (extmod/modlwip.c,
lwip_tcp_send). So only writes that surely fit are made here. Two things are checked:

- Whether lwIP's heap (8,000 bytes for all connections) has a free piece of that size. For the
test, an IPv4 socket sends a datagram to an IPv6 address. lwIP allocates the datagram first: it
answers ENOMEM without memory, else EINVAL; nothing is sent (lwip_raw_udp_send, udp_sendto).
- How many bytes the peer has not acknowledged, so that a stalled connection takes only its own
share: snd_buf of lwIP's struct tcp_pcb, and the count of its buffers next to it. Their place
is found at import by snd_buf's first value.
"""

import io
import socket
from errno import ENOMEM

import uctypes
from machine import mem16, mem32
from micropython import const

_PCB = const(4)  # offset of the pointer to struct tcp_pcb in lwip_socket_obj_t
_PCB_SIZE = const(200)
_SND_BUF = const(6400)  # TCP_SND_BUF, extmod/lwip-include/lwipopts_common.h
_INITIAL_MSS = const(536)  # lwIP's src/core/tcp.c
_RAM = const(0x20000000)
_RAM_END = const(0x20082000)
_FLASH = const(0x10000000)  # address of a probe's bytes: they take no heap

_PIECE = const(800)  # bytes, TCP_MSS: a write becomes one full segment, or parts of two
_SMALL = const(276)
# Bytes of lwIP's heap for a piece: the data and 112 bytes for each of two segments. TCP_NODELAY
# makes lwIP allocate segments at their exact size (tcp_pbuf_prealloc).
_PIECE_ROOM = const(1024)
_SMALL_ROOM = const(500)
# Bytes that file transfers leave to replies, MQTT and lwIP's own acknowledgements.
_RESERVE = const(1200)
_BULK_SHARE = const(3200)  # unacknowledged bytes of a transfer
_SHARE = const(800)  # unacknowledged bytes of any other connection
# Unacknowledged data takes a buffer and a segment, however short it is. A connection may have 32
# buffers (TCP_SND_QUEUELEN), and all five together 32 segments (MEMP_NUM_TCP_SEG). A piece adds at
# most two.
_BUFFERS = const(5)
_FIRST_MS = const(2)
_LONGEST_MS = const(32)

_NOWHERE = ("::1", 9)
_udp = None
_mss = _snd_buf = 0
_small_probe = uctypes.bytearray_at(_FLASH, _SMALL_ROOM)
_probe = uctypes.bytearray_at(_FLASH, _PIECE_ROOM)
_bulk_probe = uctypes.bytearray_at(_FLASH, _PIECE_ROOM + _RESERVE)
_pause_ms = _FIRST_MS


def _pcb(sock):
    """Return the address of a connection's struct tcp_pcb; 0 if it is lost or can't be found."""
    at = mem32[id(sock) + _PCB]
    return at if _RAM <= at < _RAM_END and not at & 3 else 0


def _find():
    """Find mss and snd_buf in a struct tcp_pcb. Leaves both 0 if this firmware differs."""
    global _mss, _snd_buf
    try:
        sock = socket.socket()
    except OSError:
        return  # no connection is free: try again at the next call
    pcb = _pcb(sock)
    mss = 0
    for at in range(0, _PCB_SIZE if pcb else 0, 2):
        found = mem16[pcb + at]
        if found == _INITIAL_MSS:
            mss = at
        # Receive window and congestion threshold begin with the same value, but come before mss.
        # The count of buffers, 0 here, follows snd_buf.
        elif mss and found == _SND_BUF and not mem16[pcb + at + 2]:
            _mss, _snd_buf = mss, at
    sock.close()


def _fits(probe):
    """Whether lwIP's heap has len(probe) bytes free in one piece."""
    global _udp
    try:
        if not _udp:
            _udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _udp.sendto(probe, _NOWHERE)
    except OSError as error:
        return error.errno != ENOMEM
    return True


class Writer:
    """Writes to one connection. bulk: for a file transfer, which leaves a reserve to others."""

    def __init__(self, sock, bulk):
        if not _snd_buf:
            _find()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._bulk = bulk

    def write(self, buffer, start, size):
        """Write what fits of size bytes from start. Return the count or None. Raises OSError."""
        written = 0
        while written < size:
            sent = self._piece(buffer, start + written, size - written)
            if not sent:
                break
            written += sent
        return written or None

    def _piece(self, buffer, start, size):
        """Write one piece. Return its size, None if there is no room."""
        global _pause_ms
        bulk = self._bulk
        pcb = _pcb(self._sock)
        size = min(size, _PIECE)
        if pcb:  # otherwise the write below raises the error
            if _snd_buf:
                pcb += _snd_buf
                if mem16[pcb + 2] >= _BUFFERS:
                    return None
                # The field before snd_buf is the largest window that the peer has announced; no
                # segment is longer than half of it (tcp_write).
                size = min(size, mem16[pcb - _snd_buf + _mss], mem16[pcb - 2] // 2) or 1
                # Don't send shorter pieces: the share grows with the next acknowledgement.
                if size > (_BULK_SHARE if bulk else _SHARE) - _SND_BUF + mem16[pcb]:
                    return None
            if bulk:
                if not _fits(_bulk_probe):
                    return None
            elif size <= _SMALL or not _fits(_probe):
                size = min(size, _SMALL)
                if not _fits(_small_probe):
                    return None
        size = self._sock.write(buffer, start, size)
        _pause_ms = _FIRST_MS
        return size


def later_ms():
    """How long to wait before the next try of a write that had no room, in ms."""
    global _pause_ms
    pause = _pause_ms
    _pause_ms = min(2 * pause, _LONGEST_MS)
    return pause


class Wire(io.IOBase):
    """The stream that TLS writes to in place of a socket."""

    def __init__(self, sock):
        self.readinto = sock.readinto
        self._write = Writer(sock, False).write

    def write(self, buffer):
        """Called by mbedtls: send what fits."""
        return self._write(buffer, 0, len(buffer))

    def ioctl(self, request, argument):
        """Nothing to do: this stream is not polled, and the socket's owner closes the socket."""
        return 0
