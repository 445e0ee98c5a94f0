"""Files on the flash of a board whose power is off."""

import contextlib

from littlefs import LittleFS, UserContext

# [MicroPython 1.28: ports/rp2/boards/RPI_PICO_W/mpconfigboard.h and ports/rp2/modules/_boot.py]
_FLASH = 2 * 1024 * 1024
_STORAGE = 848 * 1024  # at the end of the flash
_BLOCK = 4096
_PROGRAM = 256


class _Memory(UserContext):
    """The part of a flash image that holds the files."""

    def __init__(self, file):
        self._file = file

    def _at(self, block, offset):
        self._file.seek(_FLASH - _STORAGE + block * _BLOCK + offset)

    def read(self, cfg, block, off, size):
        self._at(block, off)
        return bytearray(self._file.read(size))

    def prog(self, cfg, block, off, data):
        self._at(block, off)
        self._file.write(data)
        return 0

    def erase(self, cfg, block):
        self._at(block, 0)
        self._file.write(b"\xff" * _BLOCK)
        return 0

    def sync(self, cfg):
        return 0


@contextlib.contextmanager
def mounted(path):
    """The file system in a flash image, as littlefs-python's LittleFS."""
    with open(path, "r+b") as file:
        files = LittleFS(
            context=_Memory(file),
            mount=False,
            block_size=_BLOCK,
            block_count=_STORAGE // _BLOCK,
            read_size=32,
            prog_size=_PROGRAM,
            cache_size=4 * _PROGRAM,
            lookahead_size=32,
            block_cycles=100,
        )
        files.mount()
        try:
            yield files
        finally:
            files.unmount()


def read(path, name):
    """The content of a file on the image."""
    with mounted(path) as files, files.open(name, "rb") as file:
        return file.read()


def write(path, name, content):
    """Replace a file on the image."""
    with mounted(path) as files, files.open(name, "wb") as file:
        file.write(content)


def remove(path, name):
    """Remove a file on the image."""
    with mounted(path) as files:
        files.remove(name)
