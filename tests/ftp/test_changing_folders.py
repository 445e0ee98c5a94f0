"""A folder that changes while it is listed, or is damaged: its listing is whole, or fails."""

import ftplib
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

# A LittleFS in RAM, of which one step after the other is taken: of two listings, two uploads,
# files renamed and removed, a table written anew.
CHANGES = """
import gc, os, random, sys, vfs
from services.ftp.files.folder import listed


class Disk:
    def __init__(self, blocks):
        self.data = bytearray(4096 * blocks)

    def readblocks(self, block, buffer, offset=0):
        at = 4096 * block + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = 4096 * block + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == 6:
            self.data[4096 * argument : 4096 * (argument + 1)] = b"\\xff" * 4096
            return 0
        return {4: len(self.data) // 4096, 5: 4096}.get(operation)


def put(name, size):
    with open("/x/" + name, "wb") as file:
        file.write(b"z" * size)


vfs.umount("/")
disk = Disk(110)
vfs.VfsLfs2.mkfs(disk)
vfs.mount(vfs.VfsLfs2(disk), "/x")
sizes = (1307, 30, 3375, 435, 435, 389, 1848, 1824, 50_000, 3681, 585)
for number, size in enumerate(sizes):
    put("%s-kept" % chr(ord("a") + number), size)
kept = os.listdir("/x")
random.seed(int(sys.argv[1]))
listings, uploads, others = [], [], []
whole = 0
for step in range(6000):
    what = random.choice("lnnowcrrrt")
    if what == "l" and len(listings) < 2:
        listings.append((listed(b"/x"), []))
    elif what == "n" and listings:
        of = random.choice(listings)
        for _ in range(random.randrange(4)):
            entry = next(of[0], None)
            if entry is None:
                listings.remove(of)
                names = [str(name, "utf-8") for name in of[1]]
                missing = [name for name in kept if names.count(name) != 1]
                if missing or len(set(names)) < len(names):
                    print("WRONG", missing, names)
                whole += 1
                break
            of[1].append(entry[0])
    elif what == "o" and len(uploads) < 2:
        name = "%s-%d.csv" % (random.choice("ab"), step)
        uploads.append((open("/x/.upload-" + name, "wb"), name))
    elif what == "w" and uploads:
        random.choice(uploads)[0].write(b"q" * 900)
    elif what == "c" and uploads:
        file, name = uploads.pop()
        file.close()
        os.rename("/x/.upload-" + name, "/x/" + name)
        others.append(name)
    elif what == "r" and others:
        name = others.pop(0)
        if name.endswith(".old"):
            os.remove("/x/" + name)
        else:
            os.rename("/x/" + name, "/x/" + name + ".old")
            others.append(name + ".old")
    elif what == "t":
        put(".table.new", 200 + step % 200)
        os.rename("/x/.table.new", "/x/.table")
print("LISTED", whole)
"""


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_stays_is_listed_once_while_the_folder_changes(micropython, seed, bits):
    out = micropython(CHANGES, seed, heap="3M", bits=bits)
    listed = int(out.rpartition("LISTED ")[2])
    assert listed > 50
    assert "WRONG" not in out


# What os.ilistdir() yields of a LittleFS folder whose second half can't be read: see folder.py.
DAMAGED = """
import os, vfs
import journal
from services.ftp.files.folder import listed
from services.log.quota import trim


class Damaged:
    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def ilistdir(self, path):
        yield "a", 0x8000, 0, 1
        while True:
            yield "", 0x4000, 0, 0

    def stat(self, path):
        return (0x8000,) + (0,) * 9

    def remove(self, path):
        print("removed", path)

    def rmdir(self, path):
        print("removed", path)


vfs.mount(Damaged(), "/x")
found = []
try:
    for entry in listed("/x"):
        found.append(entry[0])
except OSError as error:
    print("LISTED", found, error.errno)
trim("/x/a", 100, 1)
print("TRIMMED")
for _ in journal.clearing("/x"):
    pass
print("CLEARED")
"""


def test_a_damaged_folder_ends_a_listing_with_an_error(micropython):
    out = micropython(DAMAGED, timeout=20).splitlines()
    assert out == ["LISTED ['a'] 5", "TRIMMED", "removed /a", "removed /", "CLEARED"]


def test_clients_list_a_folder_in_which_another_one_works(start_board):
    board = start_board()
    with board.ftp() as session:
        there = sorted(session.nlst("/"))

    def works(name):
        lists = []
        with board.ftp() as session:
            for number in range(30):
                path = f"/{name}-{number}.csv"
                session.storbinary("STOR " + path, io.BytesIO(b"reading\r\n" * 500))
                session.sendcmd(f"MFMT 20260102030405 {path}")
                for verb in ("LIST", "MLSD", "NLST"):
                    lines = []
                    lists.append(lines)
                    try:
                        session.retrlines(f"{verb} /", lines.append)
                    except ftplib.error_temp as error:
                        lines.append(str(error))
                session.rename(path, path + ".old")
                session.delete(path + ".old")
        return lists

    with ThreadPoolExecutor(2) as pool:
        lists = [lines for told in pool.map(works, "ab") for lines in told]
    for lines in lists:
        names = [line.split()[-1].lstrip("/") for line in lines]
        assert len(set(names)) == len(names), names
        assert {name.lstrip("/") for name in there} <= set(names), names
