"""Stage: checks the files under /next against their manifest: contents, places and space."""

import hashlib
import os
import sys
from binascii import hexlify
from time import ticks_diff, ticks_ms

import asyncio
import vfs
from micropython import const

import hal
from services.borrow import borrow
from services.update.contents import Manifest, entries

NEXT = "/next"
_FOLDER = const(0x4000)
_SLICE_MS = const(5)
_PIECE = const(512)
_SPARE_BLOCKS = const(6)  # for the plan, the journal, and names that need one more block
_BOOTS = (
    "/boot.",
    "/recovery.",
    "/journal.",
    "/resets.",
)  # these run before an update can be undone
_KEPT = ("/next", "/prev", "/log", "/tls")  # folders that no version may touch
_NOT_FILES = (
    "/config.json",
    "/config.last",
    "/config.ready",
    "/boot.json",
    "/rescue",
    "/.times",
    "/manifest.json",
)


class Found:
    """The result of scan(): version, outpost and trial_s of the manifest, and what it needs.

    files, removals: counts. bytes: to be moved. lacks: missing bytes of flash.
    """

    files = removals = bytes = lacks = 0

    def __init__(self, manifest):
        self.version = manifest.version
        self.outpost = manifest.outpost
        self.trial_s = manifest.trial_s


async def scan(service, put=None, hashing=True):
    """Check the staged files against the manifest and return Found. Raises ValueError, OSError.

    put(kind, path) is called for each move of the plan, in its order: see journal.moves().
    hashing: False skips the contents.
    """
    try:
        manifest = Manifest()
    except OSError:
        raise ValueError("Nothing is staged: there is no /next/manifest.json; upload it last")
    except ValueError as error:
        raise ValueError("/next/manifest.json: %s" % error)
    fat = borrow("recovery", "on_fat")()
    if manifest.boot and fat:
        raise ValueError("boot: what boots a board can't be replaced safely on FAT; use the cable")
    return await _Scan(service, manifest, put, hashing, fat).run()


class _Scan:
    """One pass over the manifest."""

    _biggest = 0  # blocks of the biggest old file

    def __init__(self, service, manifest, put, hashing, fat):
        self._manifest = manifest
        self._put = put or (lambda kind, path: None)
        self._hashing = hashing
        self._fat = fat
        self._found = Found(manifest)
        self._made = []  # folders that must be created
        self._block = os.statvfs("/")[0]
        self._free = hal.room()[0] // self._block
        self._blocks = _SPARE_BLOCKS
        self._log = (service.board.section("log").get("path") or "/log").lower()
        self._mounts = _mounts()

    async def run(self):
        found = self._found
        for key, path, digest in entries():
            if key == "files":
                self._check(path)
                await self._file(path, digest)
                await asyncio.sleep_ms(0)
        for path in self._manifest.removals:
            self._check(path)
            self._removal(path)
        self._blocks += 2 * self._biggest  # journal.SPARES
        found.lacks = max(0, self._blocks - self._free) * self._block
        return found

    async def _file(self, path, digest):
        """Check one entry of files: staged, or in place already."""
        staged = _stat(NEXT + path)
        old = _stat(path)
        where = NEXT + path if staged else path
        if not staged and not old:
            raise ValueError("%s is neither staged under %s nor in its place" % (path, NEXT))
        for found, name in ((staged, NEXT + path), (old, path)):
            if found and found[0] & _FOLDER:
                raise ValueError("%s is a folder, and the manifest names it as a file" % name)
        if not isinstance(digest, str) or len(digest) != 64:
            raise ValueError("%s: its SHA-256 in the manifest has not 64 digits" % path)
        if self._hashing and await _hash(where) != digest.lower():
            raise ValueError("%s is not what the manifest says (SHA-256): upload it again" % where)
        if not staged:
            return
        if path.endswith(".mpy"):
            self._compiled(path)
        elif path == "/outpost.bin":
            self._archive(path)
        kind = "n"
        if old:
            kind = "b" if path.startswith(_BOOTS) else "r"
        else:
            self._folders(path)
        self._put(kind, path)
        self._found.files += 1
        self._found.bytes += staged[6]
        if self._fat:
            self._blocks += self._size(staged) + self._kept(old)
        elif kind == "b":
            self._blocks += self._size(old)

    def _compiled(self, path):
        """Raise ValueError if a module would not run: wrong .mpy version, or a .py precedes it."""
        with open(NEXT + path, "rb") as file:
            head = file.read(3)
        mine = getattr(sys.implementation, "_mpy", 0)
        wrong = len(head) < 3 or head[0] != 0x4D or (mine and head[1] != mine & 0xFF)
        if not wrong and head[2] >> 2 and mine:  # it has machine code: see py/persistentcode.h
            wrong = head[2] != mine >> 8
        self._refuse(path, wrong)
        self._no_twin(path, path[:-4] + ".py")

    def _archive(self, path):
        """Raise ValueError if the archive of modules would not be mounted: see archive.py."""
        with open(NEXT + path, "rb") as file:
            head = file.read(13)
            size = file.seek(0, 2)
        if head[:4] != b"OPA1" or int.from_bytes(head[4:8], "little") != size:
            raise ValueError("%s%s is no archive of Outpost's, or not whole" % (NEXT, path))
        mine = getattr(sys.implementation, "_mpy", 0) & 0xFF
        self._refuse(path, mine and head[12] != mine)
        for form in (".py", ".mpy"):
            self._no_twin(path, "/daemon" + form)

    def _refuse(self, path, wrong):
        if wrong:
            mine = getattr(sys.implementation, "_mpy", 0)
            raise ValueError(
                "%s%s was compiled for another MicroPython: this one takes .mpy version %d.%d"
                % (NEXT, path, mine & 0xFF, mine >> 8 & 3)
            )

    def _no_twin(self, path, twin):
        """Raise ValueError if twin, another form of the module, would run instead."""
        if _stat(NEXT + twin) or (_stat(twin) and twin not in self._manifest.removals):
            text = '%s would run in place of %s: name it in "remove", or leave it out'
            raise ValueError(text % (twin, path))

    def _folders(self, path):
        """Plan the folders that a new file needs."""
        cut = path.find("/", 1)
        while cut > 0:
            folder = path[:cut]
            found = _stat(folder)
            if found and not found[0] & _FOLDER:
                raise ValueError("%s needs a folder %s, and that is a file" % (path, folder))
            if not found and folder not in self._made:
                self._made.append(folder)
                self._put("m", folder)
                self._blocks += 2  # on LittleFS a folder takes a pair of blocks
            cut = path.find("/", cut + 1)

    def _removal(self, path):
        old = _stat(path)
        if _stat(NEXT + path):
            raise ValueError('%s is staged, and in "remove" too' % path)
        if not old:
            return
        if old[0] & _FOLDER:
            raise ValueError(
                '%s in "remove" is a folder: name its files, it goes with them' % path
            )
        self._put("d", path)
        self._found.removals += 1
        if self._fat:
            self._blocks += self._kept(old)

    def _kept(self, old):
        """Return the blocks of an old file's copy; 0 if old is None."""
        size = self._size(old) if old else 0
        self._biggest = max(self._biggest, size)
        return size

    def _size(self, found):
        return (found[6] + self._block - 1) // self._block

    def _check(self, path):
        """Raise ValueError if no version may replace, add or remove this path."""
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError("%s: paths in the manifest begin with /" % path)
        for part in path[1:].split("/"):
            # FAT changes names with these, or confuses them with others.
            if part in ("", ".", "..") or part[-1] in ". " or "~" in part or min(part) < " ":
                raise ValueError("%s is no path of a file" % path)
            if part.startswith(".upload-"):
                raise ValueError("%s: names with .upload- are FTP's own" % path)
        small = path.lower()
        top = "/" + small[1:].split("/")[0]
        if top in _KEPT or small.startswith(_NOT_FILES) or small.startswith(self._log):
            raise ValueError("%s is the board's own, not a version's" % path)
        if top in self._mounts:
            raise ValueError("%s lies on another file system" % path)
        if small.startswith(_BOOTS) and not self._manifest.boot:
            raise ValueError('%s boots the board: only a manifest with "boot": true may' % path)


def _mounts():
    try:
        return [point.lower() for _, point in vfs.mount()]
    except TypeError:  # ports before 1.25 can't tell
        return []


def _stat(path):
    """Return os.stat(), None if there is no such path."""
    try:
        return os.stat(path)
    except OSError:
        return None


async def _hash(path):
    """Return the SHA-256 of a file as lower-case hex."""
    made = hashlib.sha256()
    buffer = bytearray(_PIECE)
    view = memoryview(buffer)
    since = ticks_ms()
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return hexlify(made.digest()).decode()
            made.update(view[:count])
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                await asyncio.sleep_ms(0)
                since = ticks_ms()
