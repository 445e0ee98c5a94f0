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
import hal.fat  # imported now: later the root is a flash in memory
from services.ftp.files import fat, upload as storing, sweep
from services.ftp.commands import tree

tree.borrow = lambda module, name: getattr(fat, name)
ramflash.mount(ramflash.RamFlash())  # the sweep is not to walk the host's own files
verb, crowd, old, new, name, twice = json.loads(sys.argv[2])
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
        upload.close()


def fill():
    number = 0
    try:
        while True:
            put("/card/fill%d" % number, b"f" * BLOCK)
            number += 1
    except OSError:
        pass


class Server:
    uploads = set()

    def hold(self, path, writes):
        pass

    def release(self, path):
        pass

    def is_busy(self, path):
        return False

    def is_around(self, session, path):
        return False

    def changed(self, *arguments, **more):
        pass


class Session:
    server = Server()
    number = 3
    rename_from = None

    def path(self, arg, writing=False):
        return arg

    def shown(self, path):
        return path


async def rename(path, content):
    session = Session()
    session.rename_from = OTHER
    await tree.RNTO(session, path)


def cut(image, cut_at, act):
    '''Do it on a card whose power fails; return the card, and whether it was done before.'''
    card = Card(bytearray(image), cut_at)
    insert(card)
    try:
        asyncio.run(act())
    except OSError:
        pass
    return card, card.writes <= cut_at


def outcome(card, confirmed):
    '''What the next boot finds, and whether other files can take its clusters.'''
    insert(Card(card.data))
    asyncio.run(sweep.sweep(set()))
    try:
        os.stat(TARGET)
        try:
            first = get(TARGET)
            fill()
            again = get(TARGET)
        except OSError as error:
            first = again = b"?"
    except OSError:
        first = again = b"" if old is None else b"!"
    left = [entry[0] for entry in os.ilistdir("/card") if entry[0].startswith(".upload")]
    here = [entry[0] for entry in os.ilistdir("/card")]
    return [
        confirmed, chr(first[0]) if first else "", len(first), first == again, left,
        OTHER[6:] in here,
    ]


card = Card(bytearray(300 * BLOCK))
vfs.VfsFat.mkfs(card)
insert(card)
TARGET, OTHER = "/card/" + name, "/card/the other one"
for number in range(crowd):
    put("/card/a name of some length %d" % number, b"c")
if old is not None:
    put(TARGET, (b"n" if old == new else b"o") * old)
if verb == "RNTO":
    put(OTHER, b"n" * new)
image = bytes(card.data)
act = {"STOR": store, "RNTO": rename}[verb]
found = []
cut_at = 0
confirmed = False
while not confirmed:
    card, confirmed = cut(image, cut_at, lambda: act(TARGET, b"n" * new))
    swept = not twice
    again_at = 0
    while not swept:  # the power fails once more, in the sweep
        second, swept = cut(card.data, again_at, lambda: sweep.sweep(set()))
        found.append(outcome(second, confirmed))
        again_at += 1
    if not twice:
        found.append(outcome(card, confirmed))
    cut_at += 1
print(json.dumps(found))
"""


OLD, NEW = 3000, 5000


@pytest.fixture
def cut(micropython):
    """Cut the power at each write: (verb, crowd, name, twice=False) -> what each cut left.

    twice: and then at each write of the sweep that follows. old, new: sizes; old may be None.
    """

    def run(verb, crowd, name, twice=False, old=OLD, new=NEW):
        wanted = json.dumps([verb, crowd, old, new, name, twice])
        return json.loads(micropython(FAT, STANDINS, wanted, heap="16m", timeout=100))

    return run


def check(outcomes):
    """The file is the old or the new one, whole, and nothing else is there."""
    for number, (confirmed, letter, size, whole, left, _) in enumerate(outcomes):
        assert (letter, size) in (("o", OLD), ("n", NEW)), f"outcome {number}"
        assert whole, f"outcome {number}: other files lie on its clusters"
        assert not left, f"outcome {number}"
        assert letter == "n" or not confirmed
    assert {letter for _, letter, *_ in outcomes} == {"o", "n"}


NAMES = ["f", "a file with a rather long name.txt"]


@pytest.mark.parametrize("crowd", range(9))
@pytest.mark.parametrize("name", NAMES)
def test_a_card_with_fat_keeps_the_old_file_or_the_new_one(cut, crowd, name):
    """crowd: files before it, so that its entries lie in one sector of the folder or in two."""
    check(cut("STOR", crowd, name))


@pytest.mark.parametrize("crowd", range(9))
def test_a_second_cut_in_the_sweep_costs_no_file_either(cut, crowd):
    check(cut("STOR", crowd, NAMES[1], twice=True))


@pytest.mark.parametrize("crowd", range(9))
@pytest.mark.parametrize("twice", [False, True])
def test_a_new_file_is_there_whole_or_not_at_all(cut, crowd, twice):
    for number, (confirmed, letter, size, whole, left, _) in enumerate(
        cut("STOR", crowd, NAMES[1], twice=twice, old=None)
    ):
        assert (letter, size) in (("", 0), ("n", NEW)), f"outcome {number}"
        assert whole, f"outcome {number}: other files lie on its clusters"
        assert not left, f"outcome {number}"
        assert letter or not confirmed


@pytest.mark.parametrize("crowd", range(9))
def test_an_upload_that_changes_nothing_costs_nothing(cut, crowd):
    """Two files with one content look like one file with two names."""
    for number, outcome in enumerate(cut("STOR", crowd, NAMES[1], twice=True, old=NEW)):
        assert outcome[1:5] == ["n", NEW, True, []], f"outcome {number}"


@pytest.mark.parametrize("crowd", [0, 3, 6])
def test_a_file_that_is_renamed_over_another_is_there_under_one_name_at_least(cut, crowd):
    outcomes = cut("RNTO", crowd, NAMES[1])
    check(outcomes)
    for confirmed, letter, *_, source in outcomes:
        assert source or letter == "n", "neither name has it"
        assert not (source and confirmed)
