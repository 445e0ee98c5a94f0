"""Stands in for a board's flash: blocks in memory, whose power can be cut at any write."""

import vfs

_BLOCK = 4096
_SECTOR = 512


class PowerCut(Exception):
    """The power went; only a new mount of the same flash goes on."""


class RamFlash:
    """A block device for LittleFS; `data` is what survives a power cut."""

    def __init__(self, blocks=32, data=None):
        self.data = data or bytearray(blocks * _BLOCK)
        self.writes = 0
        self.cut_at = None  # how many writes still work; None: the power stays
        self._off = False
        if data is None:
            vfs.VfsLfs2.mkfs(self)
            self.writes = 0

    def readblocks(self, block, buf, offset=0):
        """Read."""
        at = block * _BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        """Program; the write that the power cut hits is done by half."""
        at = block * _BLOCK + offset
        if self._cut():
            half = 0 if self._off else len(buf) // 2
            self._off = True
            self.data[at : at + half] = buf[:half]
            raise PowerCut()
        self.writes += 1
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        """Sizes and erase, as vfs asks for them."""
        if op == 4:
            return len(self.data) // _BLOCK
        if op == 5:
            return _BLOCK
        if op == 6:
            if self._cut():
                self._off = True
                raise PowerCut()
            self.data[arg * _BLOCK : (arg + 1) * _BLOCK] = b"\xff" * _BLOCK
        return 0

    def _cut(self):
        return self.cut_at is not None and self.writes >= self.cut_at


class Card:
    """A FAT in memory, of sectors, which are written whole or not; `data` survives a power cut.

    Without power nothing is written, and nobody is told: an exception in the midst of FatFs would
    leave its open files to the collector, which closes them.
    """

    def __init__(self, sectors=300, data=None):
        self.data = data or bytearray(sectors * _SECTOR)
        self.writes = 0
        self.cut_at = None
        self.off = False
        if data is None:
            vfs.VfsFat.mkfs(self)
            self.writes = 0

    def readblocks(self, block, buffer):
        """Read."""
        buffer[:] = self.data[block * _SECTOR : block * _SECTOR + len(buffer)]

    def writeblocks(self, block, buffer):
        """Write, unless the power has gone."""
        self.off = self.off or (self.cut_at is not None and self.writes >= self.cut_at)
        if not self.off:
            self.writes += 1
            self.data[block * _SECTOR : block * _SECTOR + len(buffer)] = buffer

    def ioctl(self, op, arg):
        """Sizes, as vfs asks for them."""
        return {4: len(self.data) // _SECTOR, 5: _SECTOR}.get(op, 0)


def mount(flash):
    """Make it the root file system; whatever is to be imported must have been before."""
    vfs.umount("/")
    vfs.mount((vfs.VfsFat if isinstance(flash, Card) else vfs.VfsLfs2)(flash), "/")


def fill():
    """Write /filler until the root has no room left."""
    with open("/filler", "w") as file:
        try:
            while True:
                file.write("x" * 512)
                file.flush()
        except OSError:
            pass


def again(flash):
    """Power on after a cut: the same blocks, mounted afresh as the root."""
    fresh = type(flash)(data=flash.data)
    mount(fresh)
    return fresh


def at_every_write(prepare, act, check, medium=RamFlash):
    """Cut the power at each write of act() in turn; return how many cuts there were.

    prepare() makes the files before each, act() may end in PowerCut, check(done) looks at what
    a fresh mount finds; done tells whether act() came to its end.
    """
    flash = medium()
    mount(flash)
    prepare()
    before = bytes(flash.data)
    cut_at = 0
    while True:
        flash.data[:] = before
        cut = again(flash)
        cut.cut_at = cut_at
        try:
            act()
            done = not getattr(cut, "off", False)
        except PowerCut:
            done = False
        except OSError:  # what FatFs makes of a medium that forgets
            if not cut.off:
                raise
            done = False
        again(cut)
        check(done)
        if done:
            return cut_at
        cut_at += 1
