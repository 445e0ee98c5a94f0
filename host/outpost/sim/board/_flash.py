"""The flash chip: a block device over the image file; its power can be cut at any write."""

from struct import pack

from _host import tell_and_wait, writes
from micropython import const

BLOCK = const(4096)
_BLOCK_COUNT = const(4)  # the ioctl operations of MicroPython's block device protocol
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)
_END = const(2)  # SEEK_END

# A timer's callback may run while LittleFS is in an operation of the driver: on an RP2, where
# rp2_flash.c runs pending callbacks, and here, between any two bytecodes of the driver. So a
# callback must not touch files, and this flag detects one that does.
in_callback = [False]
reads = [0]  # since _pace.py has reset it


def _check():
    if in_callback[0]:
        tell_and_wait(b"fault a timer's callback touched a file, maybe in the midst of a write\n")


class Flash:
    """image: path of the file. cut_at: number of the write, from 1, that fails; 0: none.

    A program and an erase are one write each. journal: path of a file that gets each write in the
    format of outpost.sim.journal, or None.
    """

    def __init__(self, image, cut_at, journal=None):
        self._file = open(image, "r+b")
        self._journal = open(journal, "ab") if journal else None
        self._blocks = self._file.seek(0, _END) // BLOCK
        self._cut_at = cut_at
        self._erased = b"\xff" * 512

    def readblocks(self, block, buffer, offset=0):
        _check()
        reads[0] += 1
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        _check()
        self._count(0)
        if self._journal:
            self._journal.write(pack("<II", block * BLOCK + offset, len(buffer)))
            self._journal.write(buffer)
        self._file.seek(block * BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        if operation == _BLOCK_COUNT:
            return self._blocks
        if operation == _BLOCK_SIZE:
            return BLOCK
        if operation == _BLOCK_ERASE:
            _check()
            self._count(1)
            if self._journal:
                self._journal.write(pack("<II", argument * BLOCK, 0))
            self._file.seek(argument * BLOCK)
            for _ in range(BLOCK // 512):
                self._file.write(self._erased)
            return 0
        return None

    def _count(self, kind):
        writes[kind] += 1
        if self._cut_at and writes[0] + writes[1] == self._cut_at:
            tell_and_wait(b"cut\n")
