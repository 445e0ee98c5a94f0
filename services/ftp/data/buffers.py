"""Buffers: one stands by from the first PASV on; more are made while there is room."""

import gc

from micropython import const

_SMALLEST = const(512)
_USUAL = const(4096)  # a block of LittleFS; larger ones gain little, see docs/benchmarks.md
_LARGEST = const(16384)
_SHARE = const(8)  # a buffer takes at most this part of the free heap
_PLENTY = const(32)  # and one above the usual size this part of what is free at boot


class Buffers:
    """Lends bytearrays of at most `size` bytes; None: 4 to 16 KiB, by the heap found at boot.

    After days a heap has room, but not in one piece: so one buffer is made before a
    transfer's modules come, and kept for as long as clients do. Without them others may have its
    4 KB: what connects to a broker, say.
    """

    _spare = None

    def __init__(self, size):
        self._size = size or _fitting()

    def stand_by(self):
        """Have a buffer ready; where there is no memory for it, a transfer looks again."""
        try:
            self.give(self.take())
        except MemoryError:
            pass

    def drop(self):
        """Let go of what is ready: nobody has been here for a while."""
        self._spare = None

    def take(self):
        """Return a buffer, small where the heap is short; MemoryError where 512 won't fit."""
        buffer = self._spare
        self._spare = None
        return buffer or self._made()

    def give(self, buffer):
        """Take a buffer back; the larger one is kept."""
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
    """The size of buffer that suits this heap."""
    gc.collect()
    size = _USUAL
    while size < _LARGEST and size * 2 * _PLENTY <= gc.mem_free():
        size *= 2
    return size
