"""A LittleFS of its own on a file of the host: 4 KiB blocks, as a board's flash has them."""

import vfs
from micropython import const

_BLOCK = const(4096)
_COUNT = const(4)  # operations of MicroPython's block device protocol
_SIZE = const(5)
_ERASE = const(6)


class Flash:
    """A block device; an erase costs a write of the block, as it does on flash."""

    def __init__(self, image, blocks):
        self._file = open(image, "w+b")
        self._blocks = blocks
        self._erased = b"\xff" * _BLOCK
        for _ in range(blocks):
            self._file.write(self._erased)

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._blocks
        if operation == _SIZE:
            return _BLOCK
        if operation == _ERASE:
            self.writeblocks(argument, self._erased)
        return 0


def littlefs(image, kib):
    """A new, empty LittleFS of so many KiB in the file `image`."""
    device = Flash(image, kib * 1024 // _BLOCK)
    vfs.VfsLfs2.mkfs(device)
    return vfs.VfsLfs2(device)
