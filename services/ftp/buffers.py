"""Buffers: one stands ready for transfers from the start; more are made while there is room."""

import gc

from micropython import const

_SMALLEST = const(512)
_SHARE = const(8)  # a buffer takes at most this part of the free heap


class Buffers:
    """Lends bytearrays of at most `size` bytes.

    After days a heap has room, but not in one piece: so one buffer is made first and kept.
    """

    def __init__(self, size):
        self._size = size
        self._spare = self._made()

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
