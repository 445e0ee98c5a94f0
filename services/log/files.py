"""A log file of bounded size: rotated by rename, written in batches, whole after a power cut."""

import os

from services.borrow import borrow
from services.log.crash import make_folder


class RotatingFile:
    """Appends lines to path; at max_bytes it becomes path.1, that path.2, and so on to keep.

    So max_bytes * (keep + 1) are the most that lie there, and quota.py sees to that after a change
    of either. Nothing is held open between two writes: LittleFS programs a block at each sync, and
    what was not synced is lost with the power.
    """

    def __init__(self, path, max_bytes, keep):
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._trimmed = False

    def write(self, lines):
        """Append the lines, with one open and one close unless the file is full in between.

        OSError where the file system won't: then some of the lines are lost, and the next call
        starts afresh.
        """
        if not self._trimmed:
            self._trimmed = True
            self._trim()
        size = self._size()
        file = None
        try:
            for line in lines:
                if size and self._is_full(size, line):
                    if file:
                        file, closing = None, file
                        closing.close()
                    self._rotate()
                    size = 0
                if file is None:
                    file = self._open()
                size += file.write(line) + file.write("\n")
        finally:
            if file:
                file.close()

    def _trim(self):
        try:
            borrow("services.log.quota", "trim")(self.path, self._max_bytes, self._keep)
        except (ImportError, MemoryError):
            pass  # a log beyond its bounds is better than none

    def _is_full(self, size, line):
        """True where the line and its end don't fit behind `size` bytes."""
        # A character has four bytes at most: only near the end they are counted.
        left = self._max_bytes - size
        return len(line) * 4 >= left and len(line.encode()) >= left

    def _size(self):
        try:
            return os.stat(self.path)[6]
        except OSError:
            return 0

    def _open(self):
        try:
            return open(self.path, "a")
        except OSError:
            make_folder(self.path)  # somebody removed it, or this is the first boot
            return open(self.path, "a")

    def _rotate(self):
        """Move each file up by one name, from the oldest down, each step safe to stop after.

        Renames only up to the first free name: where a power cut left a gap, nothing is lost.
        """
        if not self._keep:
            os.remove(self.path)
            return
        last = 1
        while last < self._keep and self._exists(last):
            last += 1
        for number in range(last, 1, -1):
            os.rename(self._numbered(number - 1), self._numbered(number))
        os.rename(self.path, self._numbered(1))

    def _exists(self, number):
        try:
            os.stat(self._numbered(number))
            return True
        except OSError:
            return False

    def _numbered(self, number):
        return "%s.%d" % (self.path, number)
