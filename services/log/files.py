"""A log file of bounded size: rotated by rename, written in batches, whole after a power cut."""

import os

from micropython import const

from services.borrow import borrow
from services.log.crash import make_folder

_QUOTA = const("services.log.quota")


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
            try:
                borrow(_QUOTA, "trim")(self.path, self._max_bytes, self._keep)
            except (ImportError, MemoryError):
                pass  # a log beyond its bounds is better than none
        try:
            size = os.stat(self.path)[6]
        except OSError:
            size = 0
        file = None
        try:
            for line in lines:
                if size and self._is_full(size, line):
                    if file:
                        file, closing = None, file
                        closing.close()
                    # While memory is short the file may grow to twice its bound: better than none.
                    size = 0 if self._rotated() else -self._max_bytes
                if file is None:
                    file = self._open()
                size += file.write(line) + file.write("\n")
        finally:
            if file:
                file.close()

    def _rotated(self):
        """Whether the file has made room for a new one; False where memory is short. OSError."""
        try:
            borrow(_QUOTA, "rotate")(self.path, self._keep)
            return True
        except (ImportError, MemoryError):
            return False

    def _is_full(self, size, line):
        """True where the line and its end don't fit behind `size` bytes."""
        # A character has four bytes at most: only near the end they are counted.
        left = self._max_bytes - size
        return len(line) * 4 >= left and len(line.encode()) >= left

    def _open(self):
        try:
            return open(self.path, "a")
        except OSError:
            make_folder(self.path)  # somebody removed it, or this is the first boot
            return open(self.path, "a")
