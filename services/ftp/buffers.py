"""Buffers: one stands ready for transfers from the start; more are made while there is room."""

from micropython import const

_SMALLEST = const(512)
_SHARE = const(8)  # a buffer takes at most this part of the free heap


class Buffers:
    """Lends bytearrays of at most `size` bytes. heap: the status section that tells what is free.

    After days a heap has room, but not in one piece: so one buffer is made first and kept.
    """

    def __init__(self, size, heap):
        self._size = size
        self._heap = heap
        self._spare = None

    def take(self):
        """Return a buffer, small where the heap is short; MemoryError where 512 won't fit."""
        buffer = self._spare
        if buffer:
            self._spare = None
            return buffer
        size = self._size
        free = self._heap.get("free_bytes", size * _SHARE)
        while size > _SMALLEST and size * _SHARE > free:
            size //= 2
        while True:
            try:
                return bytearray(size)
            except MemoryError:
                if size <= _SMALLEST:
                    raise
                size //= 2

    def give(self, buffer):
        """Take a buffer back; the larger one is kept."""
        if buffer and (not self._spare or len(buffer) > len(self._spare)):
            self._spare = buffer
