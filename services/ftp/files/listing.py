"""Listing: directory entries as the lines of LIST, NLST and MLSD, one at a time."""

import os
from time import gmtime

from micropython import const

import hal
from hal.files import PREFIX, on_fat
from services.ftp.files import paths
from services.ftp.files.disk import kept

_IS_DIR = const(0x4000)
_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")
_HALF_YEAR_S = const(180 * 86400)
_DAY_S = const(86400)
# A time before this is no time: LittleFS has none for folders, a board without a battery
# begins in 2000. In seconds since 1970.
_CLOCK_SET = const(1735689600)  # 2025-01-01
_YEAR_2000 = const(946684800)

# What a line needs to know of an entry. The folder itself tells kinds and, but on a host, sizes.
# Only os.stat() has times, and it goes through the folder twice for each name (vfs_lfsx.c: stat,
# then getattr): of 1,000 files that is 25 times what the names alone take.
KIND = 0
SIZE = 1
TIME = 2
_ENTRY_HAS_SIZE = const(4)  # fields: of a mount point, or on a host, there are three


def entries(path, line_of, pattern=None, shows=None, needs=TIME):
    """Yield line_of(name as bytes, stat tuple) for each entry of a folder, None for one left out.

    pattern: a glob that the name must match; shows(path): whether the user may see it; needs:
    KIND where the tuple's first field is all that line_of looks at, SIZE where it is that and the
    seventh. Entry by entry as the file system has them: a folder of thousands costs no memory.
    """
    times = kept(path) if needs == TIME else None
    # LittleFS has no times of folders, so there a folder's entry tells all that there is.
    bare = needs < TIME or not on_fat(path)
    # Names as bytes: MicroPython looks for each new text among all the names that it knows, which
    # took half of the time of a line.
    folder = paths.join(path, "").encode()
    unfinished = PREFIX.encode()
    looks = pattern or shows
    mixed = path == "/"  # there the file system's own names come as text all the same
    for entry in os.ilistdir(path.encode()):
        name = entry[0]
        if mixed and isinstance(name, str):
            name = name.encode()
        path = folder + name
        if name.startswith(unfinished) or (looks and not _is_wanted(name, pattern, path, shows)):
            yield None  # it took its time too: the sender looks at the clock
            continue
        if needs == KIND:
            found = entry[1:2]
        elif bare and len(entry) == _ENTRY_HAS_SIZE and (needs == SIZE or entry[1] & _IS_DIR):
            found = (entry[1], 0, 0, 0, 0, 0, entry[3], 0, 0, 0)
        else:
            try:
                found = os.stat(path)
            except OSError:
                continue  # removed between the listing and here
        yield line_of(name, times.applied(name, found) if times else found)


def _is_wanted(name, pattern, path, shows):
    """Whether an entry matches the pattern and may be seen; its name and path are bytes."""
    try:
        if pattern and not paths.matches(pattern, name.decode()):
            return False
        return not shows or shows(path.decode())
    except UnicodeError:
        return False  # no client could ask for it


class Listing:
    """Formats entries. epoch: seconds from 1970 to the file system's zero.

    now: seconds since 1970; offset_s: what LIST's local time is ahead of UTC.
    """

    def __init__(self, epoch, now, offset_s):
        self._epoch = epoch
        self._now = now
        self._offset = offset_s
        self._minute = None  # of the last date, and its text
        self._date = None
        self._day = None  # of the last date, and its month and day: gmtime() costs most of a line
        self._month_day = None
        self._year = None

    def unix(self, name, found):
        """A line of LIST as `ls -l` prints it, which every client parses; name: as bytes."""
        mtime = found[8]
        if mtime // 60 != self._minute:  # files written together show one date
            self._minute = mtime // 60
            self._date = self.date(mtime)
        if found[0] & _IS_DIR:
            return b"drwxr-xr-x 1 root root          0 %s %s\r\n" % (self._date, name)
        return b"-rw-r--r-- 1 root root %10d %s %s\r\n" % (found[6], self._date, name)

    def date(self, mtime):
        """`Nov 22 17:29` of the last half year, else `Nov 22  2025`: twelve characters."""
        when = mtime + self._epoch if mtime else _YEAR_2000
        age = self._now - when
        local = when + self._offset
        if local // _DAY_S != self._day:
            self._day = local // _DAY_S
            self._year, month, day = gmtime(local - self._epoch)[:3]
            self._month_day = "%s %2d" % (_MONTHS[month * 3 - 3 : month * 3], day)
        # On a clock that isn't set nothing is recent: the year shows that.
        if self._now >= _CLOCK_SET and -_DAY_S < age < _HALF_YEAR_S:
            minute = local % _DAY_S // 60
            return "%s %02d:%02d" % (self._month_day, minute // 60, minute % 60)
        return "%s  %d" % (self._month_day, self._year)


def formatter(session):
    """The Listing that shows entries to a session."""
    return Listing(hal.EPOCH, hal.unix_time(), session.server.utc_offset_s())


def stamp(when, epoch):
    """Seconds since 1970 as YYYYMMDDHHMMSS in UTC (RFC 3659 section 2.3)."""
    return "%04d%02d%02d%02d%02d%02d" % gmtime(when - epoch)[:6]
