"""Listing: directory entries as the lines of LIST, NLST and MLSD, one at a time."""

import os
from time import gmtime

from micropython import const

import hal
from hal.files import PREFIX, on_fat
from services.ftp.files import paths
from services.ftp.files.disk import kept
from services.ftp.files.folder import listed

_IS_DIR = const(0x4000)
_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")
_HALF_YEAR_S = const(180 * 86400)
_DAY_S = const(86400)
# An earlier time is not real: LittleFS has none for folders, and a board without a battery starts
# in 2000. Seconds since 1970.
_CLOCK_SET = const(1735689600)  # 2025-01-01
_YEAR_2000 = const(946684800)

# What a line needs to know of an entry. ilistdir() gives kinds and, except on a host, sizes. Only
# os.stat() has times, and it searches the folder twice for each name (vfs_lfsx.c: stat, then
# getattr): for 1,000 files that takes 25 times as long as only the names.
KIND = 0
SIZE = 1
TIME = 2
_ENTRY_HAS_SIZE = const(4)  # fields; entries of a mount point, or on a host, have three


def entries(path, line_of, pattern=None, shows=None, needs=TIME):
    """Yield line_of(name as bytes, stat tuple) for each entry of a folder, None for a skipped one.

    pattern: a glob for the name. shows(path): whether the user may see the path. needs: KIND if
    line_of only reads the tuple's first field, SIZE if it also reads the seventh. Yields in the
    order of the file system, one by one, so that large folders need no memory.
    """
    times = kept(path) if needs == TIME else None
    # LittleFS has no times for folders, so there ilistdir() tells all about a folder.
    bare = needs < TIME or not on_fat(path)
    # Names as bytes: MicroPython compares each new str with all interned names, which took half of
    # the time of a line.
    folder = paths.join(path, "").encode()
    unfinished = PREFIX.encode()
    looks = pattern or shows
    mixed = path == "/"  # there, mount points are listed as str, not bytes
    for entry in listed(path.encode()):
        name = entry[0]
        if mixed and isinstance(name, str):
            name = name.encode()
        path = folder + name
        if name.startswith(unfinished) or (looks and not _is_wanted(name, pattern, path, shows)):
            yield None  # skipping took time too: the sender checks the clock
            continue
        if needs == KIND:
            found = entry[1:2]
        elif bare and len(entry) == _ENTRY_HAS_SIZE and (needs == SIZE or entry[1] & _IS_DIR):
            found = (entry[1], 0, 0, 0, 0, 0, entry[3], 0, 0, 0)
        else:
            try:
                found = os.stat(path)
            except OSError:
                continue  # removed since it was listed
        yield line_of(name, times.applied(name, found) if times else found)


def _is_wanted(name, pattern, path, shows):
    """Whether an entry matches the pattern and may be seen. name and path are bytes."""
    try:
        if pattern and not paths.matches(pattern, name.decode()):
            return False
        return not shows or shows(path.decode())
    except UnicodeError:
        return False  # no client could request it


class Listing:
    """Formats entries. epoch: seconds from 1970 to the file system's zero.

    now: seconds since 1970. offset_s: by how much LIST's local time is ahead of UTC.
    """

    def __init__(self, epoch, now, offset_s):
        self._epoch = epoch
        self._now = now
        self._offset = offset_s
        self._minute = None  # minute of the last date; next, its text
        self._date = None
        self._day = None  # of the last date; next, its text: gmtime() is most of a line's time
        self._month_day = None
        self._year = None

    def unix(self, name, found):
        """Return a line of LIST as in `ls -l`, which every client parses. name: bytes."""
        mtime = found[8]
        if mtime // 60 != self._minute:  # files written in the same minute share one date
            self._minute = mtime // 60
            self._date = self.date(mtime)
        if found[0] & _IS_DIR:
            return b"drwxr-xr-x 1 root root          0 %s %s\r\n" % (self._date, name)
        return b"-rw-r--r-- 1 root root %10d %s %s\r\n" % (found[6], self._date, name)

    def date(self, mtime):
        """Return `Nov 22 17:29` for the last half year, else `Nov 22  2025`: twelve characters."""
        when = mtime + self._epoch if mtime else _YEAR_2000
        age = self._now - when
        local = when + self._offset
        if local // _DAY_S != self._day:
            self._day = local // _DAY_S
            self._year, month, day = gmtime(local - self._epoch)[:3]
            self._month_day = "%s %2d" % (_MONTHS[month * 3 - 3 : month * 3], day)
        # If the clock isn't set, no file is recent; the year shows that.
        if self._now >= _CLOCK_SET and -_DAY_S < age < _HALF_YEAR_S:
            minute = local % _DAY_S // 60
            return "%s %02d:%02d" % (self._month_day, minute // 60, minute % 60)
        return "%s  %d" % (self._month_day, self._year)


def formatter(session):
    """Return the Listing that formats entries for a session."""
    return Listing(hal.EPOCH, hal.unix_time(), session.server.utc_offset_s())


def stamp(when, epoch):
    """Return seconds since 1970 as YYYYMMDDHHMMSS in UTC (RFC 3659 section 2.3)."""
    return "%04d%02d%02d%02d%02d%02d" % gmtime(when - epoch)[:6]
