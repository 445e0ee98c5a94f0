"""Power cuts: what a board has confirmed is there afterwards, on LittleFS and on FAT."""

import json
from pathlib import Path

import pytest

STANDINS = Path(__file__).resolve().parent.parent / "standins"

# A card with FAT in memory, whose power is cut before each of its writes in turn. Every cut is
# followed by the sweep of the next boot, and by files that take all the clusters that are free:
# one that is given to two files would show.
FAT = """
import sys
sys.path.insert(0, sys.argv[1])
import asyncio, json, os, vfs
import ramflash
from services.ftp import fat, storing, sweep

# What is borrowed must have been imported before.
storing.borrow = sweep.borrow = lambda module, name: getattr(fat, name)
ramflash.mount(ramflash.RamFlash())  # the sweep is not to walk the host's own files
crowd, old, new, name = json.loads(sys.argv[2])
BLOCK = 512


class Card:
    def __init__(self, data, cut_at=None):
        self.data, self.cut_at, self.writes = data, cut_at, 0

    def readblocks(self, block, buffer):
        buffer[:] = self.data[block * BLOCK : block * BLOCK + len(buffer)]

    def writeblocks(self, block, buffer):
        self.writes += 1
        if self.cut_at is not None and self.writes > self.cut_at:
            return  # without power nothing is written, and nobody is there to tell
        self.data[block * BLOCK : block * BLOCK + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: len(self.data) // BLOCK, 5: BLOCK}.get(operation, 0)


def insert(card):
    if any(point == "/card" for _, point in vfs.mount()):
        vfs.umount("/card")
    vfs.mount(vfs.VfsFat(card), "/card")


def put(path, content):
    with open(path, "wb") as file:
        file.write(content)


def get(path):
    with open(path, "rb") as file:
        return file.read()


class Transfer:
    bytes = began = touched = 0


async def store(path, content):
    in_use = set()
    upload = storing.Upload(path, 3, in_use)
    try:
        upload.file.write(content)
        await upload.settle(Transfer)
        upload.commit()
    finally:
        upload.discard()


def fill():
    number = 0
    try:
        while True:
            put("/card/fill%d" % number, b"f" * BLOCK)
            number += 1
    except OSError:
        pass


card = Card(bytearray(300 * BLOCK))
vfs.VfsFat.mkfs(card)
insert(card)
TARGET = "/card/" + name
for number in range(crowd):
    put("/card/a name of some length %d" % number, b"c")
put(TARGET, b"o" * old)
image = bytes(card.data)
found = []
cut_at = 0
while True:
    card = Card(bytearray(image), cut_at)
    insert(card)
    try:
        asyncio.run(store(TARGET, b"n" * new))
    except OSError:
        pass
    confirmed = card.writes <= cut_at
    insert(Card(card.data))
    asyncio.run(sweep.sweep(set()))
    try:
        first = get(TARGET)
        fill()
        again = get(TARGET)
    except OSError as error:
        first = again = b"?"
    left = [entry[0] for entry in os.ilistdir("/card") if entry[0].startswith(".upload")]
    found.append(
        [confirmed, chr(first[0]) if first else "", len(first), first == again, left]
    )
    if confirmed:
        break
    cut_at += 1
print(json.dumps(found))
"""


@pytest.mark.parametrize("crowd", range(9))
@pytest.mark.parametrize("name", ["f", "a file with a rather long name.txt"])
def test_a_card_with_fat_keeps_the_old_file_or_the_new_one(micropython, crowd, name):
    """crowd: files before it, so that its entries lie in one sector of the folder or in two."""
    old, new = 3000, 5000
    outcomes = json.loads(
        micropython(FAT, STANDINS, json.dumps([crowd, old, new, name]), heap="4m")
    )

    for cut_at, (confirmed, letter, size, whole, left) in enumerate(outcomes):
        assert (letter, size) in (("o", old), ("n", new)), f"cut at write {cut_at}"
        assert whole, f"cut at write {cut_at}: other files lie on its clusters"
        assert not left, f"cut at write {cut_at}"
        assert letter == "n" or not confirmed
    assert {letter for _, letter, *_ in outcomes} == {"o", "n"}
