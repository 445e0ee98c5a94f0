"""Storing: an upload is written beside its target and renamed over it once it is whole."""

import os
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from services.ftp import paths
from services.ftp.listing import UPLOAD_PREFIX, times

_SLICE_MS = const(5)


class Upload:
    """A file on its way to `path`; number keeps apart what several sessions upload.

    in_use: a set that holds the unfinished upload's path for as long as there is one.

    Whatever happens before commit() returns, the old file stays as it was: rename is the only
    step that a power cut can't halve (on LittleFS and POSIX; FAT removes, then renames).
    """

    def __init__(self, path, number, in_use):
        folder, _ = paths.split(path)
        self._path = path
        self._part = paths.join(folder, "%s%d" % (UPLOAD_PREFIX, number))
        self._in_use = in_use
        in_use.add(self._part)
        try:
            self.file = open(self._part, "wb")
        except OSError:
            in_use.discard(self._part)
            raise

    async def copy_old(self, size, transfer):
        """Begin with the old file's first `size` bytes (APPE, REST). It may be missing for 0."""
        if not size:
            return
        since = ticks_ms()
        buffer = transfer.buffer
        view = memoryview(buffer)
        with open(self._path, "rb") as old:
            while size:
                count = old.readinto(view[: min(size, len(buffer))])
                if not count:
                    break
                self.file.write(buffer, count)
                size -= count
                if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                    await asyncio.sleep_ms(0)
                    transfer.touched = since = ticks_ms()

    def commit(self):
        """Make the upload the file: only after this is it stored. Waits for nothing."""
        file = self.file
        self.file = None
        try:
            file.close()  # LittleFS and FAT have the data on flash from here on
            os.rename(self._part, self._path)
            self._in_use.discard(self._part)
        except OSError:
            self._remove()
            raise
        kept = times()
        if kept:
            kept.rewritten(self._path)

    def discard(self):
        """Forget the upload and free its space; after commit() there is nothing to do."""
        if self.file is None:
            return
        file = self.file
        self.file = None
        try:
            file.close()
        except OSError:
            pass  # a full disk: closing writes what was held back
        self._remove()

    def _remove(self):
        self._in_use.discard(self._part)
        try:
            os.remove(self._part)
        except OSError:
            pass
