"""TLS: puts TLS over an accepted socket (RFC 4217); loaded if ftp.tls is set."""

import gc
import io
import os
from errno import ECONNABORTED, EIO, ENOMEM
from time import ticks_add, ticks_diff, ticks_ms

import asyncio
import tls
from micropython import const

import hal
from hal.net import readable, room

_LONGEST_FILE = const(8192)  # a chain of three certificates; a longer file is none
# Bytes that must stay free beside the connection's own buffers: for the arithmetic of a handshake,
# if mbedtls takes it from this heap, and for the other sessions.
_SPARE = const(8192)
_HEADER = const(5)  # bytes before a record: type, version, length (RFC 5246 section 6.2.1)
_CHANGE_CIPHER = const(20)  # type of the last record but one that a server's handshake sends
_ALERT = const(21)
_LONGEST_REST_MS = const(10_000)  # a handshake step of over 8 s would make the watchdog fire
_LARGEST_ERRNO = const(255)  # larger ones are mbedtls's own numbers
# Forward secrecy and authenticated records; AES-128 first, which is safe and fastest.
_CIPHERS = const(
    (
        "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
        "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
    )
)


class _Wire(io.IOBase):
    """The stream under mbedtls: the socket, and what mbedtls doesn't tell about it."""

    def __init__(self, sock, bulk):
        self._sock = sock
        self._write = hal.writer(sock, bulk)
        self.shaking = True  # until handshake() knows that the handshake is over
        self.done = False  # the last record of the handshake was sent
        self.blocked = False  # the handshake waits until the socket is writable
        self._last = False  # the next record to send is the last
        self._sends = 0  # type of the record being sent
        self._header = bytearray(_HEADER)  # of the record being received
        self._have = 0  # bytes of that header received
        self._due = 0  # bytes of that record still to come

    def readinto(self, buffer):
        if self.done and self.shaking:
            return None  # handshake() reads one byte, which must not be a byte of data
        if self._header[0] == _ALERT and not self._due and not self._have:
            # mbedtls accepted the alert, so it was close_notify: the end. mbedtls only reports it
            # to a read that had no data before it, so it is reported again here.
            return 0
        try:
            size = self._sock.readinto(buffer)
        except OSError as error:
            return _negative(error)
        if size == 0:
            # Not an end of the data: an attacker on the way could have sent this FIN.
            return -ECONNABORTED
        if size:
            self._follow(buffer, size)
        return size

    def write(self, buffer):
        try:
            size = self._write(buffer, 0, len(buffer))
        except OSError as error:
            return _negative(error)
        if not self.done:
            self._watch(buffer, size or 0)
        return size

    def ioctl(self, request, argument):
        return 0  # Secured closes the socket, and this stream is not polled

    def _follow(self, buffer, size):
        """Follow received records: mbedtls reads a header, then as many bytes as it says."""
        if self._due:
            self._due -= size
            return
        header = self._header
        have = self._have
        for at in range(size):
            header[have + at] = buffer[at]
        have += size
        if have == _HEADER:
            self._due = header[3] << 8 | header[4]
            have = 0
        self._have = have

    def _watch(self, buffer, size):
        """Follow sent records: mbedtls sends one at a time, some in pieces."""
        if not self.blocked:
            self._sends = buffer[0]
        self.blocked = size < len(buffer)
        if not self.blocked:
            self.done = self._last
            self._last = self._sends == _CHANGE_CIPHER


def _negative(error):
    """Return an OSError as the stream protocol's negative number."""
    number = error.errno
    return -number if 0 < number <= _LARGEST_ERRNO else -EIO


class Secured:
    """TLS over a non-blocking socket, with the socket's readinto, write and close.

    raw is the socket: wait for that. poll() doesn't see the rest of a record that mbedtls holds,
    so read until nothing is left before you wait. OSError: the peer is gone, or broke the
    protocol.
    """

    def __init__(self, owner, context, sock, bulk):
        self.raw = sock
        self._owner = owner
        self._wire = _Wire(sock, bulk)
        self._tls = context.wrap_socket(
            self._wire, server_side=True, do_handshake_on_connect=False
        )
        # Each chunk calls mbedtls directly.
        self.readinto = self._tls.readinto
        self.write = self._tls.write

    async def handshake(self):
        """Agree on the keys. Raises OSError if client and board can't.

        Each of its two long steps is a single call of mbedtls, which blocks the loop.
        """
        wire = self._wire
        byte = bytearray(1)
        while True:
            await self._owner.turn()
            since = ticks_ms()
            try:
                self.readinto(byte)
            finally:
                self._owner.rest(since)
            if wire.done:
                break
            await (room if wire.blocked else readable)(self.raw)
        wire.shaking = False

    def leave(self):
        """End TLS; the socket stays open."""
        self._tls.close()

    def close(self):
        """Close TLS and the socket. MicroPython can't send close_notify."""
        self._tls.close()
        self.raw.close()


class Tls:
    """The settings of ftp.tls, and the certificate that all connections share.

    cert, key: paths of DER files, or PEM if the port supports it. required: no login in clear.
    data: data connections may be private; with required they must be. section: of the status,
    whose `problem` tells what is wrong with the files.
    """

    def __init__(self, cert, key, required, data, section):
        self.cert = cert
        self.key = key
        self.required = required
        self.data = data
        self.broken = None  # what is wrong with the files, or None
        self._section = section
        self._rested = ticks_ms()
        self._context = None

    def check(self):
        """Set broken to what prevents TLS, or None."""
        try:
            self._made()
        except (MemoryError, OSError, ValueError):
            pass
        self.release()

    def wrap(self, sock, bulk=False):
        """Return sock as Secured. Raises MemoryError; OSError or ValueError for a bad file.

        bulk: it is a data connection.
        """
        gc.collect()  # the buffers need one large piece each
        try:
            secured = Secured(self, self._made(), sock, bulk)
        except OSError as error:
            if error.errno == ENOMEM:  # on some ports mbedtls has a heap of its own
                raise MemoryError
            raise
        if gc.mem_free() < _SPARE:
            secured.leave()
            raise MemoryError
        return secured

    async def turn(self):
        """Wait until a handshake may take its next step.

        All handshakes together get half of the loop's time, because clients can request them
        without login.
        """
        while True:
            wait = ticks_diff(self._rested, ticks_ms())
            if not 0 < wait <= _LONGEST_REST_MS:
                return  # longer: the ticks have wrapped since the last handshake
            await asyncio.sleep_ms(wait)

    def rest(self, since):
        """A step that began at `since` (ticks in ms) has ended: pause handshakes for as long."""
        now = ticks_ms()
        self._rested = ticks_add(now, ticks_diff(now, since))

    def release(self):
        """Drop the certificate, so that the next use reads the file again: it may be replaced."""
        self._context = None

    def _made(self):
        if not self._context:
            try:
                context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(_content(self.cert), _content(self.key))
                context.set_ciphers(_CIPHERS)
            except (OSError, ValueError) as error:
                text = "ftp.tls: %s and %s: %s; no TLS until it is put right"  # cold
                self.broken = text % (self.cert, self.key, error)
                self._section["problem"] = self.broken
                raise
            if self.broken and self._section.get("problem") == self.broken:
                self._section["problem"] = None
            self.broken = None
            self._context = context
        return self._context


def _content(path):
    """Return the bytes of a file. Raises OSError; ValueError if it is empty or far too long."""
    if not 0 < os.stat(path)[6] <= _LONGEST_FILE:
        raise ValueError("%s is empty or too long" % path)
    with open(path, "rb") as file:
        return file.read()
