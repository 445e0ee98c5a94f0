"""Writes that lwIP has room for: on an RP2 a write to a non-blocking socket may block.

Where lwIP has no memory for a write, the port waits for up to 10 s, longer than any watchdog,
and then returns as if all had been queued: the stream has a hole (extmod/modlwip.c,
lwip_tcp_send). So no write is entered here that might not fit. Two things are looked at:

- Whether lwIP's heap (8,000 bytes for all connections) has a piece large enough. An IPv4
  socket refuses an IPv6 address with EINVAL, but only once it has taken the memory for the
  datagram, else it says ENOMEM; nothing leaves the board (lwip_raw_udp_send, udp_sendto).
- How much of a connection its peer has not acknowledged, so that one that stalls holds its own
  share and no more: the member snd_buf of lwIP's struct tcp_pcb, and the number of its buffers
  behind it. Its place is found at import, by its first value.
"""

import io
import socket
from errno import ENOMEM

import uctypes
from machine import mem16, mem32
from micropython import const

_PCB = const(4)  # where lwip_socket_obj_t points to its struct tcp_pcb
_PCB_SIZE = const(200)
_SND_BUF = const(6400)  # TCP_SND_BUF, extmod/lwip-include/lwipopts_common.h
_INITIAL_MSS = const(536)  # lwIP's src/core/tcp.c
_RAM = const(0x20000000)
_RAM_END = const(0x20082000)
_FLASH = const(0x10000000)  # what a probe sends is read from there, and costs no heap

_PIECE = const(800)  # TCP_MSS: a write becomes one full segment, or the ends of two
_SMALL = const(276)
# What a piece takes of lwIP's heap: 112 bytes beside the data for each of two segments, since
# TCP_NODELAY keeps lwIP from making them larger than they are (tcp_pbuf_prealloc).
_PIECE_ROOM = const(1024)
_SMALL_ROOM = const(500)
# What file transfers leave to replies, MQTT and lwIP's own acknowledgements.
_RESERVE = const(1200)
_BULK_SHARE = const(3200)  # bytes of a transfer on the way
_SHARE = const(800)  # of any other connection
# What waits for its acknowledgement holds a buffer and a segment, however short it is. A
# connection may have 32 buffers (TCP_SND_QUEUELEN), and all five together 32 segments
# (MEMP_NUM_TCP_SEG); a piece adds two at most.
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
    """The address of a connection's struct tcp_pcb; 0: it is lost, or not to be found."""
    at = mem32[id(sock) + _PCB]
    return at if _RAM <= at < _RAM_END and not at & 3 else 0


def _find():
    """Find where mss and snd_buf stand in a struct tcp_pcb; neither: the firmware is another."""
    global _mss, _snd_buf
    try:
        sock = socket.socket()
    except OSError:
        return  # no connection is free: another time
    pcb = _pcb(sock)
    mss = 0
    for at in range(0, _PCB_SIZE if pcb else 0, 2):
        found = mem16[pcb + at]
        if found == _INITIAL_MSS:
            mss = at
        # The window to receive and the congestion threshold begin with the same value; both
        # come before. Behind it is the number of buffers.
        elif mss and found == _SND_BUF and not mem16[pcb + at + 2]:
            _mss, _snd_buf = mss, at
    sock.close()


def _fits(probe):
    """Whether lwIP's heap has room for len(probe) bytes in one piece."""
    global _udp
    try:
        if not _udp:
            _udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _udp.sendto(probe, _NOWHERE)
    except OSError as error:
        return error.errno != ENOMEM
    return True


class Writer:
    """The writes of one connection; bulk: those of a file transfer, which leave a reserve."""

    def __init__(self, sock, bulk):
        if not _snd_buf:
            _find()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._bulk = bulk

    def write(self, buffer, start, size):
        """Write what has room of size bytes from start: how many, None for later; OSError."""
        written = 0
        while written < size:
            sent = self._piece(buffer, start + written, size - written)
            if not sent:
                break
            written += sent
        return written or None

    def _piece(self, buffer, start, size):
        """Write a part of it; None where there is no room."""
        global _pause_ms
        bulk = self._bulk
        pcb = _pcb(self._sock)
        size = min(size, _PIECE)
        if pcb:  # else the write tells what is wrong
            if _snd_buf:
                pcb += _snd_buf
                if mem16[pcb + 2] >= _BUFFERS:
                    return None
                # Before snd_buf stands the largest window that the peer has ever had: no
                # segment is longer than half of it (tcp_write).
                size = min(size, mem16[pcb - _snd_buf + _mss], mem16[pcb - 2] // 2) or 1
                # No shorter ones: what is left of a share grows with the next acknowledgement.
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
    """What TLS writes into in place of a socket."""

    def __init__(self, sock):
        self.readinto = sock.readinto
        self._write = Writer(sock, False).write

    def write(self, buffer):
        """For mbedtls: what has room is sent."""
        return self._write(buffer, 0, len(buffer))

    def ioctl(self, request, argument):
        """Nothing: nobody polls this, and the socket is closed by its owner."""
        return 0
