"""Facts: the lines of MLSD and MLST (RFC 3659 section 7)."""

from binascii import hexlify
from hashlib import sha256

import vfs
from micropython import const

import hal
from services.ftp.files import paths
from services.ftp.files.disk import is_dir
from services.ftp.files.listing import SIZE, TIME, stamp

_DAY_S = const(86400)

# All facts, in the order of a line.
FACTS = ("type", "size", "modify", "perm", "unique")


class Facts:
    """Makes the lines of MLSD and MLST (RFC 3659 section 7.5) of a folder, for one session.

    `unique` is a checksum of the path: a file has only one name here, and the file systems of
    boards don't number their files.
    """

    def __init__(self, session, folder):
        self._folder = paths.join(folder, "").encode()
        self._day = None  # day of the last time; next, its date
        self._date = None
        self._wanted = FACTS if session.facts is None else session.facts
        self.needs = TIME if "modify" in self._wanted else SIZE  # for entries()
        self._session = session
        self._file_perm = b"perm=r;" if session.account.role == "read" else b"perm=adfrw;"
        # A user can't delete or rename the own root, nor a mount point.
        self._fixed = [session.account.root]
        try:
            self._fixed.extend([point for _, point in vfs.mount()])
        except TypeError:
            pass  # ports before 1.25 can't list them

    def line(self, name, found, path=None):
        """Return a line: the facts of an os.stat() tuple, and the name.

        path: the file system's path if the file isn't in the folder. All are bytes: see
        listing.entries().
        """
        path = path or self._folder + name
        folder = is_dir(found)
        wanted = self._wanted
        kind = size = modify = perm = unique = b""
        if "type" in wanted:
            kind = b"type=dir;" if folder else b"type=file;"
        if "size" in wanted and not folder:
            size = b"size=%d;" % found[6]
        if "modify" in wanted and found[8]:  # LittleFS has no time for folders
            modify = self._modify(found[8] + hal.EPOCH)
        if "perm" in wanted:
            perm = self._folder_perm(path) if folder else self._file_perm
        if "unique" in wanted:
            unique = b"unique=%s;" % hexlify(sha256(path).digest()[:8])
        return b"%s%s%s%s%s %s\r\n" % (kind, size, modify, perm, unique, name)

    def _modify(self, when):
        """Return the fact with stamp()'s text; files of the same day share one gmtime()."""
        if when // _DAY_S != self._day:
            self._day = when // _DAY_S
            self._date = stamp(when, hal.EPOCH)[:8]
        second = when % _DAY_S
        minute = second // 60
        return b"modify=%s%02d%02d%02d;" % (self._date, minute // 60, minute % 60, second % 60)

    def _folder_perm(self, path):
        """Return what this user may do to a folder (RFC 3659 section 7.5.5)."""
        session = self._session
        if session.account.role == "read":
            return b"perm=el;"
        path = path.decode()
        if path in self._fixed:
            return b"perm=celmp;"
        return b"perm=cdelmp;" if session.server.is_around(session, path) else b"perm=cdeflmp;"
