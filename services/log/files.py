"""A log file of bounded size, rotated by renames, written in batches, safe against power cuts."""

import os

from micropython import const

from services.borrow import borrow
from services.log.crash import make_folder

_QUOTA = const("services.log.quota")


class RotatingFile:
    """Appends lines to path. At max_bytes, path becomes path.1, path.1 becomes path.2, up to keep.

    So all files together have at most max_bytes * (keep + 1); quota.py enforces that after a
    change of either. The file is closed after each write: LittleFS writes a block at each sync,
    and a power cut loses what was not synced.
    """

    def __init__(self, path, max_bytes, keep):
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._trimmed = False

    def write(self, lines):
        """Append the lines, in one open and close unless the file becomes full.

        Raises OSError if the file system fails. Then some lines are lost, and the next call starts
        anew.
        """
        if not self._trimmed:
            self._trimmed = True
            try:
                borrow(_QUOTA, "trim")(self.path, self._max_bytes, self._keep)
            except (ImportError, MemoryError):
                pass  # better a log beyond its bounds than none
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
                    # If memory is too short to rotate, the file may grow to twice its bound.
                    size = 0 if self._rotated() else -self._max_bytes
                if file is None:
                    file = self._open()
                size += file.write(line) + file.write("\n")
        finally:
            if file:
                file.close()

    def _rotated(self):
        """Whether the file was renamed to make room; False if memory is short. Raises OSError."""
        try:
            borrow(_QUOTA, "rotate")(self.path, self._keep)
            return True
        except (ImportError, MemoryError):
            return False

    def _is_full(self, size, line):
        """Whether the line and its end don't fit after `size` bytes."""
        # A character has at most four bytes, so encode the line only near the bound.
        left = self._max_bytes - size
        return len(line) * 4 >= left and len(line.encode()) >= left

    def _open(self):
        try:
            return open(self.path, "a")
        except OSError:
            make_folder(self.path)  # it was removed, or this is the first boot
            return open(self.path, "a")
