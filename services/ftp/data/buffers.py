"""Buffers: one is reserved at the first PASV; more are allocated if memory allows."""

import gc

from micropython import const

_SMALLEST = const(512)
_USUAL = const(4096)  # a block of LittleFS; larger ones gain little, see docs/benchmarks.md
_LARGEST = const(16384)
_SHARE = const(8)  # a buffer takes at most this fraction of the free heap,
_PLENTY = const(32)  # above the usual size, at most this fraction of the heap at boot


class Buffers:
    """Lends bytearrays of at most `size` bytes; None: 4 to 16 KiB, depending on the heap at boot.

    After days the heap has room, but not in one piece. So one buffer is allocated before a
    transfer's modules are loaded, and kept while clients are connected. Without clients, its 4 KB
    are free for others, such as the code that connects to a broker.
    """

    _spare = None

    def __init__(self, size):
        self._size = size or _fitting()

    def stand_by(self):
        """Reserve a buffer. If there is no memory, the transfer tries again."""
        try:
            self.give(self.take())
        except MemoryError:
            pass

    def drop(self):
        """Free the reserved buffer, after a while without clients."""
        self._spare = None

    def take(self):
        """Return a buffer, smaller if memory is short. MemoryError if 512 bytes don't fit."""
        buffer = self._spare
        self._spare = None
        return buffer or self._made()

    def give(self, buffer):
        """Take back a buffer that take() lent; the larger one is kept as the reserve."""
        if buffer and (not self._spare or len(buffer) > len(self._spare)):
            self._spare = buffer

    def _made(self):
        gc.collect()
        size = self._size
        while size > _SMALLEST and size * _SHARE > gc.mem_free():
            size //= 2
        while True:
            try:
                return bytearray(size)
            except MemoryError:
                if size <= _SMALLEST:
                    raise
                size //= 2


def _fitting():
    """Return the buffer size that suits this heap."""
    gc.collect()
    size = _USUAL
    while size < _LARGEST and size * 2 * _PLENTY <= gc.mem_free():
        size *= 2
    return size
