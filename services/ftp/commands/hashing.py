"""Hashing: HASH and RANG: compare a file with the client's copy without sending it."""

import hashlib
import os
from binascii import hexlify
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from services.ftp.errors import FTPError
from services.ftp.files.disk import is_dir

_SLICE_MS = const(5)


async def RANG(session, arg):
    """draft-bryan-ftp-range-08 section 3: first and last byte for the next RETR or HASH."""
    words = arg.split()
    session.range = None
    if len(words) != 2 or not (words[0].isdigit() and words[1].isdigit()):
        return 501, "RANG takes the first byte and the last; the whole file from now on."
    first, last = int(words[0]), int(words[1])
    if (first, last) == (1, 0):
        return 350, "The whole file."
    if first > last:
        return 501, "The last byte lies before the first; the whole file from now on."
    session.range = first, last
    return 350, "Bytes %d to %d of the next RETR or HASH." % (first, last)


async def HASH(session, arg):
    """draft-bryan-ftpext-hash-02 section 3: of the bytes as in TYPE I; ABOR ends it."""
    path = session.path(arg)
    found = os.stat(path)
    if is_dir(found):
        return 553, "A directory has no hash."
    ranged = session.range
    piece = Piece(session, found[6])
    first, end = piece.first, piece.end
    if ranged and first == end:
        return 551, "The offset lies beyond the end of the file, at %d." % end
    name = session.hash

    async def work(transfer):
        transfer.total = end - first
        made = getattr(hashlib, name.replace("-", "").lower())()
        with open(path, "rb") as file:
            file.seek(first)
            await _feed(made.update, piece.of(file), transfer)
        digest = hexlify(made.digest()).decode()
        # The grammar has no empty range, so an empty file has 0-0.
        return 213, "%s %d-%d %s %s" % (name, first, max(end - 1, 0), digest, arg)

    return session.start("HASH", path, work, data=False)


def piece_of(session, size):
    """Return the Piece that RETR is to send. Raises FTPError 551 in TYPE A."""
    piece = Piece(session, size)
    if session.text:
        raise FTPError(551, "An offset needs TYPE I: in TYPE A bytes have no fixed place.")
    return piece


class Piece:
    """The range that RANG chose of a file of `size` bytes, for one command; read like a file."""

    def __init__(self, session, size):
        first, last = session.range or (0, size - 1)
        session.range = None
        self.first = min(first, size)
        self.end = max(min(size, last + 1), self.first)

    def of(self, file):
        """Read from file, which must be at the first byte, up to the end of the piece."""
        self._readinto = file.readinto
        self._left = self.end - self.first
        return self

    def readinto(self, buffer):
        """Fill the buffer; return the count, 0 at the end of the piece."""
        if self._left < len(buffer):
            buffer = memoryview(buffer)[: self._left]
        count = self._readinto(buffer)
        self._left -= count
        return count


async def _feed(update, source, transfer):
    """Pass what source.readinto() yields to update(buffer); let the loop run every 5 ms."""
    buffer = transfer.buffer
    view = memoryview(buffer)
    since = ticks_ms()
    while True:
        count = source.readinto(buffer)
        if not count:
            return
        update(buffer if count == len(buffer) else view[:count])
        transfer.bytes += count
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            await asyncio.sleep_ms(0)
            transfer.touched = since = ticks_ms()
