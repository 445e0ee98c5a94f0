"""The journal of a flash: every write of a board's runs, and what each write leaves after a cut.

A board with `journal=` writes it. The flash as a power cut at any write leaves it can then be
examined without running the board again.
"""

import mmap
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from outpost.sim.flash import BLOCK

# Place in bytes, length of the data programmed there; 0 for a block's erase.
_HEAD = struct.Struct("<II")
Write = tuple[int, bytes | None]  # place, bytes; None for an erased block


def writes(path: Path) -> list[Write]:
    """Return a journal's writes so far, a list of (place, bytes); None for an erased block."""
    data = path.read_bytes() if path.exists() else b""
    found: list[Write] = []
    at = 0
    while at < len(data):
        place, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        found.append((place, data[at : at + size] if size else None))
        at += size
    return found


def cuts(before: Path, after: Path, journal: Iterable[Write]) -> Iterator[int]:
    """Make `after` the flash image as a cut at each write of a journal leaves it, one by one.

    before: the image at the journal's beginning. Yields the number of each write, from 1, while
    `after` is the image after a power cut in that write: a program half done, an erase not done.
    At the end `after` has all writes, and 0 is yielded.
    """
    shutil.copy(before, after)
    with after.open("r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        for number, (place, data) in enumerate(journal, 1):
            if data is None:
                yield number
                image[place : place + BLOCK] = b"\xff" * BLOCK
                continue
            half = len(data) // 2
            image[place : place + half] = data[:half]
            yield number
            image[place : place + len(data)] = data
        yield 0
