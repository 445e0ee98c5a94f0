"""TLS: makes a TLS connection of an accepted socket (RFC 4217); imported where ftp.tls is set."""

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

_LONGEST_FILE = const(8192)  # a chain of three certificates; more is no certificate
# What must stay free beside the connection's own buffers: for the arithmetic of a handshake
# where mbedtls takes it from this heap, and for the sessions that are there.
_SPARE = const(8192)
_HEADER = const(5)  # bytes before a record: type, version, length (RFC 5246 section 6.2.1)
_CHANGE_CIPHER = const(20)  # the type of the record before the last that a server's handshake has
_ALERT = const(21)
_LONGEST_REST_MS = const(10_000)  # a step beyond 8 s would end in the watchdog
_LARGEST_ERRNO = const(255)  # beyond are mbedtls's own numbers
# Forward secrecy, and each record sealed; the shortest key first, which is safe and fastest.
_CIPHERS = const(
    (
        "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
        "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
        "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
    )
)


class _Wire(io.IOBase):
    """What mbedtls reads and writes: the socket, and what mbedtls doesn't tell about it."""

    def __init__(self, sock, bulk):
        self._sock = sock
        self._write = hal.writer(sock, bulk)
        self.shaking = True  # until the handshake is over and its awaiter knows
        self.done = False  # the last record of the handshake is sent
        self.blocked = False  # the handshake waits until the socket can be written
        self._last = False  # the record that is sent next is the last
        self._sends = 0  # its type
        self._header = bytearray(_HEADER)  # of the record that is being received
        self._have = 0  # bytes of that header
        self._due = 0  # bytes of the record behind it

    def readinto(self, buffer):
        if self.done and self.shaking:
            return None  # the byte that moved the handshake on must not take a byte of data
        if self._header[0] == _ALERT and not self._due and not self._have:
            # mbedtls found nothing wrong with the alert, so it was close_notify: the end. It
            # tells only a read that had no data before it, so it is told again here.
            return 0
        try:
            size = self._sock.readinto(buffer)
        except OSError as error:
            return _negative(error)
        if size == 0:
            # No end of the data: anybody on the way can send a FIN.
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
        return 0  # closing is Secured's; nobody polls this

    def _follow(self, buffer, size):
        """Follow the records that arrive: mbedtls asks for a header, then for what it tells."""
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
        """Follow the records that are sent: mbedtls sends one at a time, some in pieces."""
        if not self.blocked:
            self._sends = buffer[0]
        self.blocked = size < len(buffer)
        if not self.blocked:
            self.done = self._last
            self._last = self._sends == _CHANGE_CIPHER


def _negative(error):
    """An OSError as the number that the stream protocol takes for it."""
    number = error.errno
    return -number if 0 < number <= _LARGEST_ERRNO else -EIO


class Secured:
    """TLS over a non-blocking socket: readinto, write and close as the socket has them.

    raw is the socket: wait for that. What mbedtls holds back of a record is not seen there, so
    read until there is nothing before you wait. OSError: the peer has gone, or broke the rules.
    """

    def __init__(self, owner, context, sock, bulk):
        self.raw = sock
        self._owner = owner
        self._wire = _Wire(sock, bulk)
        self._tls = context.wrap_socket(
            self._wire, server_side=True, do_handshake_on_connect=False
        )
        # The calls of every chunk go straight to mbedtls.
        self.readinto = self._tls.readinto
        self.write = self._tls.write

    async def handshake(self):
        """Agree on the keys; OSError where client and board can't.

        Each of its two long steps is one call of mbedtls, which nothing can slice.
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
        """Give up TLS; the socket stays open."""
        self._tls.close()

    def close(self):
        """Close both. MicroPython has no way to send close_notify."""
        self._tls.close()
        self.raw.close()


class Tls:
    """What config.json says of TLS, and the certificate that all connections share.

    cert, key: paths of DER (or, where the port knows it, PEM) files. required: nobody logs in
    in clear. data: data connections may be private; with required they must. section: of the
    status, whose `problem` tells what is wrong with the files, for as long as it is.
    """

    def __init__(self, cert, key, required, data, section):
        self.cert = cert
        self.key = key
        self.required = required
        self.data = data
        self.broken = None  # what is wrong with the files
        self._section = section
        self._rested = ticks_ms()
        self._context = None

    def check(self):
        """See to it that broken tells what keeps TLS from working, None where nothing does."""
        try:
            self._made()
        except (MemoryError, OSError, ValueError):
            pass
        self.release()

    def wrap(self, sock, bulk=False):
        """Return sock as Secured; MemoryError for want of heap, OSError, ValueError for a file.

        bulk: it is a data connection.
        """
        gc.collect()  # the buffers want one large piece each
        try:
            secured = Secured(self, self._made(), sock, bulk)
        except OSError as error:
            if error.errno == ENOMEM:  # mbedtls has a heap of its own on some ports
                raise MemoryError
            raise
        if gc.mem_free() < _SPARE:
            secured.leave()
            raise MemoryError
        return secured

    async def turn(self):
        """Wait until a handshake may take its next step.

        All handshakes together get half of the loop's time: who isn't even logged in can ask for
        them.
        """
        while True:
            wait = ticks_diff(self._rested, ticks_ms())
            if not 0 < wait <= _LONGEST_REST_MS:
                return  # longer ones come of ticks that have wrapped since the last handshake
            await asyncio.sleep_ms(wait)

    def rest(self, since):
        """The step that began at `since` (ticks in ms) is over: the others get as much time."""
        now = ticks_ms()
        self._rested = ticks_add(now, ticks_diff(now, since))

    def release(self):
        """Forget the certificate; it is read anew when it is needed: it may have been replaced."""
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
    """The bytes of a file; OSError, ValueError for one that is empty or far too long."""
    if not 0 < os.stat(path)[6] <= _LONGEST_FILE:
        raise ValueError("%s is empty or too long" % path)
    with open(path, "rb") as file:
        return file.read()
