"""Upload: writes beside the target, and renames over it once the file is complete."""

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
_GRACE_SHARE = const(32)  # after a fast upload, this fraction of the time that it took
_LONG_MS = const(5)
_FAST = const(10_000)  # bytes per millisecond
_ENAMETOOLONG = const(36)  # errno lacks both names on some ports
_ENOSPC = const(28)


async def told(server, path, text):
    """Return the reply to an upload as bytes; for a config.json, lines with its problems."""
    if path != "/config.json":
        return text
    try:
        return await server.site.run("config", text, True)
    except Exception:  # it is stored in any case
        return text + b" It could not be checked."


class Upload:
    """A file on its way to `path`. number distinguishes the uploads of several sessions.

    in_use: a set that contains the unfinished upload's path while it exists.

    Until commit() returns, the old file is unchanged.
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
            if error.errno == _ENAMETOOLONG:  # LittleFS, if there is no free block for the name
                raise OSError(_ENOSPC)
            raise

    async def copy_old(self, size, transfer):
        """Begin with the old file's first `size` bytes (APPE, REST). For 0 it may be missing."""
        if size:
            await self.copy(self._path, size, transfer.buffer, transfer)

    async def copy(self, path, size, buffer, transfer=None):
        """Write the first `size` bytes of another file. transfer: its touched is updated."""
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
        """Close the file, then wait whether the session cancels because the client has died.

        A killed client's data connection ends like that of a client that is done. Its control
        connection ends too, some 10 us later (Linux closes the sockets of a process last one
        first) or when the dying process runs. So wait until the session can see that. Skip the
        wait for uploads shorter than 5 ms, and shorten it for uploads faster than 10 MB/s: such a
        client cannot have died unnoticed.
        """
        ended = ticks_ms()
        lasted = elapsed(transfer.began)
        grace = 0
        if lasted >= _LONG_MS:
            fast = transfer.bytes // lasted >= _FAST
            grace = min(lasted // _GRACE_SHARE, _GRACE_MS) if fast else _GRACE_MS
        self.finish()  # on LittleFS and FAT the data is on flash from here on
        # At least two rounds of the loop: one to poll, one to run the polled task.
        await asyncio.sleep_ms(max(0, grace - ticks_diff(ticks_ms(), ended)))
        await asyncio.sleep_ms(0)

    def commit(self):
        """Rename the upload to its target. Only after this is it stored. Never waits.

        Raises MemoryError with the old file unchanged.
        """
        kept = times()
        if kept:
            kept.storing(self._part, self._path)
        if on_fat(self._path):
            from hal import fat  # if the root is FAT, boot.py has loaded it

            fat.swap(self._part, self._path)
        else:
            os.rename(self._part, self._path)  # a power cut can't halve this rename
        self._in_use.discard(self._part)
        self._part = None

    def close(self):
        """Delete the unfinished upload; does nothing after commit()."""
        if not self._part:
            return
        try:
            self.finish()
        except OSError:
            pass  # a full disk: closing writes buffered data
        try:
            os.remove(self._part)
        except OSError:
            pass
        self._in_use.discard(self._part)

    def finish(self):
        """Close the file. Raises OSError if the disk is full: closing writes buffered data."""
        file = self.file
        self.file = None
        if file:
            file.close()
