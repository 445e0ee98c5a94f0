"""The flash chip: a block device over the image file, whose power can be cut at any write."""

from struct import pack

from _host import tell_and_wait, writes
from micropython import const

BLOCK = const(4096)
_BLOCK_COUNT = const(4)  # the ioctl operations of MicroPython's block device protocol
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)
_END = const(2)  # SEEK_END

# A driver in C is not interrupted by a timer's callback. This one must not be, for LittleFS stands
# behind it, in the middle of something: machine.Timer looks here.
at_work = [False]


class Flash:
    """image: path of the file. cut_at: which write, counted from 1, never happens; 0: none.

    A program and an erase are a write each. journal: path of a file that gets each of them as
    outpost.sim.journal reads it, or None.
    """

    def __init__(self, image, cut_at, journal=None):
        self._file = open(image, "r+b")
        self._journal = open(journal, "ab") if journal else None
        self._blocks = self._file.seek(0, _END) // BLOCK
        self._cut_at = cut_at
        self._erased = b"\xff" * 512

    def readblocks(self, block, buffer, offset=0):
        at_work[0] = True
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)
        at_work[0] = False

    def writeblocks(self, block, buffer, offset=0):
        at_work[0] = True
        self._count(0)
        if self._journal:
            self._journal.write(pack("<II", block * BLOCK + offset, len(buffer)))
            self._journal.write(buffer)
        self._file.seek(block * BLOCK + offset)
        self._file.write(buffer)
        at_work[0] = False

    def ioctl(self, operation, argument):
        if operation == _BLOCK_COUNT:
            return self._blocks
        if operation == _BLOCK_SIZE:
            return BLOCK
        if operation == _BLOCK_ERASE:
            at_work[0] = True
            self._count(1)
            if self._journal:
                self._journal.write(pack("<II", argument * BLOCK, 0))
            self._file.seek(argument * BLOCK)
            for _ in range(BLOCK // 512):
                self._file.write(self._erased)
            at_work[0] = False
            return 0
        return None

    def _count(self, kind):
        writes[kind] += 1
        if self._cut_at and writes[0] + writes[1] == self._cut_at:
            tell_and_wait(b"cut\n")
