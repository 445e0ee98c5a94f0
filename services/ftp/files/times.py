"""Times: the file times that clients set (MFMT), in one small table on flash.

No port can set a file's time. A record identifies its file by checksums of folder and name, and
holds the time and size that the file system showed then. It is valid only while these are the
same, so any rewrite invalidates it. A false match would need two files with 64 equal bits of
checksum, the same second and the same size, and would only show a wrong date.
"""

import os
from binascii import crc32
from io import BytesIO
from struct import pack, unpack_from
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal.files import replace
from services.ftp.files import paths
from services.ftp.files.disk import TIMES, is_dir
from services.ftp.files.folder import listed
from services.ftp.files.listing import stamp

_RECORD = const(20)  # checksums of folder and name, own time, size, the client's time
_HELD = const(16)  # bytes of it in Kept: all but the folder
_MOST = const(200)  # records: 4,000 bytes, one block of flash
_PIECE = const(400)  # bytes read at a time; whole records
_MOST_FOLDERS = const(512)  # below a renamed folder
_SLICE_MS = const(5)
_WORD = const(0xFFFFFFFF)


class Kept:
    """The clients' times of one folder's files, in one bytearray."""

    def __init__(self, records):
        self._records = records

    def applied(self, name, found):
        """Return a file's os.stat() tuple, with the client's time if that is valid."""
        key = pack("<III", crc32(name), found[8] & _WORD, found[6] & _WORD)
        at = _aligned(self._records, key, _HELD)
        if at < 0:
            return found
        when = unpack_from("<I", self._records, at + 12)[0]
        return found[:8] + (when - hal.EPOCH,) + found[9:]


def of_folder(folder):
    """Return the Kept of a folder's files; None if the table has none."""
    key = pack("<I", crc32(folder))
    records = bytearray()
    with _table() as table:
        for _ in range(_MOST * _RECORD // _PIECE):
            piece = table.read(_PIECE)
            at = _aligned(piece, key, _RECORD)
            while at >= 0:
                records.extend(piece[at + 4 : at + _RECORD])
                at = _aligned(piece, key, _RECORD, at + 1)
            if len(piece) < _PIECE:
                break
    return Kept(records) if records else None


def keep(path, when):
    """Set a file's time to `when`, in seconds since 1970. Raises OSError."""
    found = os.stat(path)
    record = _key(path) + pack("<III", found[8] & _WORD, found[6] & _WORD, when)
    _replace(_key(path), record)


def storing(part, path):
    """Remove a record that would match part by chance. Call before part is renamed to path.

    Raises MemoryError with nothing changed: the file must not be stored with a wrong date.
    """
    try:
        found = os.stat(part)
        _replace(_key(path) + pack("<II", found[8] & _WORD, found[6] & _WORD))
    except OSError:
        pass  # for example a full disk: storing matters more than a wrong date


def deleted(path):
    """Remove a deleted file's record. One that can't be removed matches no file: see storing()."""
    try:
        _replace(_key(path))
    except (OSError, MemoryError):
        pass


async def rename(old, new, at):
    """Move the records of old to new, in one write. Call before a rename, or to undo it.

    Records of a replaced file are removed. at: where the file is now, old or new. Returns whether
    the table could be written. Raises MemoryError with nothing changed: then don't rename.
    """
    try:
        if is_dir(os.stat(at)):
            replace(TIMES, _renamed(await _folders(old, new, at)))
        else:
            old, new = _key(old), _key(new)
            if _has(old) or _has(new):
                replace(TIMES, _moved(old, new))
        return True
    except OSError:
        return False


def seconds(text):
    """Return seconds since 1970 of YYYYMMDDHHMMSS[.fraction] (RFC 3659 section 2.3)."""
    digits, point, fraction = text.partition(".")
    if len(digits) != 14 or not digits.isdigit() or (point and not fraction.isdigit()):
        raise ValueError(text)
    month = int(digits[4:6]) + 9
    year = int(digits[:4]) - 1 + month // 12  # it begins in March: a leap day is its last
    days = year * 365 + year // 4 - year // 100 + year // 400
    days += (month % 12 * 153 + 2) // 5 + int(digits[6:8]) - 719469
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:])
    when = ((days * 24 + hour) * 60 + minute) * 60 + second
    # A day or a minute that doesn't exist gives another stamp.
    if not 0 <= when <= _WORD or stamp(when, hal.EPOCH) != digits:
        raise ValueError(text)
    return when


def _key(path):
    folder, name = paths.split(path)
    return pack("<II", crc32(folder), crc32(name))


def _table():
    try:
        return open(TIMES, "rb")
    except OSError:
        return BytesIO()


def _aligned(data, key, size, start=0):
    """Return where key begins a record of that size in data; -1 if there is none."""
    at = data.find(key, start)
    while at >= 0 and at % size:
        at = data.find(key, at + 1)
    return at


def _find(table, key):
    """Return the number of the record that begins with key; -1 if there is none."""
    for number in range(0, _MOST, _PIECE // _RECORD):
        piece = table.read(_PIECE)
        at = _aligned(piece, key, _RECORD)
        if at >= 0:
            return number + at // _RECORD
        if len(piece) < _PIECE:
            break
    return -1


def _replace(key, record=b""):
    """Remove the record that begins with key and append another; return the removed one.

    A full table loses its oldest record.
    """
    with _table() as table:
        count = min(table.seek(0, 2) // _RECORD, _MOST)
        table.seek(0)
        out = _find(table, key)
        if out < 0:
            if not record:
                return b""
            out = 0 if count == _MOST else count
        table.seek(out * _RECORD)
        gone = table.read(_RECORD)
    replace(TIMES, _pieces(out, count, record))
    return gone


def _pieces(out, count, record):
    """Yield the first `count` records except the one numbered out, then the new one.

    Closes the table before the last item: an open file can't be replaced on every file system.
    """
    with _table() as table:
        for first, end in ((0, out), (out + 1, count)):
            table.seek(first * _RECORD)
            for number in range(first, end, _PIECE // _RECORD):
                yield table.read(min(_PIECE, (end - number) * _RECORD))
    yield record


def _has(key):
    """Whether a record begins with key."""
    with _table() as table:
        return _find(table, key) >= 0


def _moved(old, new):
    """Yield the table with the record of key old under key new, without new's own record."""
    with _table() as table:
        for _ in range(_MOST):
            record = table.read(_RECORD)
            if not record:
                break
            if not record.startswith(new):
                yield new + record[8:] if record.startswith(old) else record


async def _folders(old, new, at):
    """Return pairs of checksums, 8 bytes each: of the old and the new path of all folders.

    at: where the renamed folder is now, old or new.
    """
    pairs = bytearray()
    below = [""]
    since = ticks_ms()
    while below and len(pairs) < _MOST_FOLDERS * 8:
        folder = below.pop()
        pairs.extend(pack("<II", crc32(old + folder), crc32(new + folder)))
        for entry in listed(at + folder):
            if is_dir((entry[1],)) and len(below) < _MOST_FOLDERS:
                below.append(folder + "/" + entry[0])
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                await asyncio.sleep_ms(0)
                since = ticks_ms()
    return pairs


def _renamed(pairs):
    """Yield the table with the checksums of folders replaced by pairs of old and new."""
    with _table() as table:
        for _ in range(_MOST * _RECORD // _PIECE):
            piece = bytearray(table.read(_PIECE))
            for at in range(0, len(piece), _RECORD):
                found = _aligned(pairs, piece[at : at + 4], 8)
                if found >= 0:
                    piece[at : at + 4] = pairs[found + 4 : found + 8]
            yield piece
