"""Storing: an upload is written beside its target and renamed over it once it is whole."""

import os
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from hal import elapsed
from hal.files import PREFIX, on_fat
from services.ftp.files import paths
from services.ftp.files.disk import times

_SLICE_MS = const(5)
_GRACE_MS = const(20)
_GRACE_SHARE = const(32)  # after a fast upload, this part of the time that it took
_LONG_MS = const(5)
_FAST = const(10_000)  # bytes in a millisecond
_ENAMETOOLONG = const(36)  # MicroPython's errno lacks both names on some ports
_ENOSPC = const(28)


async def told(server, path, text):
    """The text of the reply to an upload, bytes; lines of what is wrong with a config.json."""
    if path != "/config.json":
        return text
    try:
        return await server.site.run("config", text, True)
    except Exception:  # it is stored, whatever comes of this
        return text + b" It could not be checked."


class Upload:
    """A file on its way to `path`; number keeps apart what several sessions upload.

    in_use: a set that holds the unfinished upload's path for as long as there is one.

    Whatever happens before commit() returns, the old file stays as it was.
    """

    def __init__(self, path, number, in_use):
        folder, _ = paths.split(path)
        self._path = path
        self._part = paths.join(folder, "%s%d" % (PREFIX, number))
        self._in_use = in_use
        in_use.add(self._part)
        try:
            self.file = open(self._part, "wb")
        except OSError as error:
            in_use.discard(self._part)
            if error.errno == _ENAMETOOLONG:  # LittleFS, where a folder finds no block for a name
                raise OSError(_ENOSPC)
            raise

    async def copy_old(self, size, transfer):
        """Begin with the old file's first `size` bytes (APPE, REST). It may be missing for 0."""
        if size:
            await self.copy(self._path, size, transfer.buffer, transfer)

    async def copy(self, path, size, buffer, transfer=None):
        """Write the first `size` bytes of another file; transfer: told that it goes on."""
        since = ticks_ms()
        view = memoryview(buffer)
        with open(path, "rb") as source:
            while size:
                count = source.readinto(view[: min(size, len(buffer))])
                if not count:
                    break
                self.file.write(buffer, count)
                size -= count
                if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                    await asyncio.sleep_ms(0)
                    since = ticks_ms()
                    if transfer:
                        transfer.touched = since

    async def settle(self, transfer):
        """Close the file, and wait for whoever cancels because this was not its end.

        A client that dies closes its data connection as one that is done. Its control connection
        closes, too, some 10 us later (Linux ends a process's sockets last one first) or as soon
        as the dying process gets its turn: the session is given time to see that. None after an
        upload in which hardly anybody can have died, little after one that came faster than a
        board's network brings it: who is killed in full flow leaves data that is still to come.
        """
        ended = ticks_ms()
        lasted = elapsed(transfer.began)
        grace = 0
        if lasted >= _LONG_MS:
            fast = transfer.bytes // lasted >= _FAST
            grace = min(lasted // _GRACE_SHARE, _GRACE_MS) if fast else _GRACE_MS
        self.finish()  # LittleFS and FAT have the data on flash from here on
        # Two turns of the loop at least: one to poll, one to run what was polled.
        await asyncio.sleep_ms(max(0, grace - ticks_diff(ticks_ms(), ended)))
        await asyncio.sleep_ms(0)

    def commit(self):
        """Make the upload the file: only after this is it stored. Waits for nothing.

        MemoryError, and the old file is as it was.
        """
        kept = times()
        if kept:
            kept.storing(self._part, self._path)
        if on_fat(self._path):
            from hal import fat  # where the root is a FAT it is there since boot.py

            fat.swap(self._part, self._path)
        else:
            os.rename(self._part, self._path)  # no power cut can halve it
        self._in_use.discard(self._part)
        self._part = None

    def close(self):
        """Forget the upload and free its space; after commit() there is nothing to do."""
        if not self._part:
            return
        try:
            self.finish()
        except OSError:
            pass  # a full disk: closing writes what was held back
        try:
            os.remove(self._part)
        except OSError:
            pass
        self._in_use.discard(self._part)

    def finish(self):
        """Close the file; OSError where the disk is full: closing writes what was held back."""
        file = self.file
        self.file = None
        if file:
            file.close()
