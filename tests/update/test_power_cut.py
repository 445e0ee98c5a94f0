"""Power cuts in an update: every block write, and half of it, leaves the old version or the new.

Exhaustive is this with recovery.py, journal.py and services/update as they are, on a LittleFS and
on a FAT in memory: APPLY, the boots after it, the trial's end and the way back are cut at each
write, and some of them once more at each write of the boot that follows. tests/update/
test_power_cut_boards.py boots whole boards after some cuts.
"""

import json
from pathlib import Path

import pytest

STANDINS = Path(__file__).resolve().parent.parent / "standins"
BOOT = Path(__file__).resolve().parent.parent.parent / "boot.py"

DEVICE = '''
import sys
sys.path.insert(0, sys.argv[1])
import asyncio, gc, hashlib, json, os, vfs
import hal, hal.fat
import services.borrow
from hal import identity

with open(sys.argv[4]) as file:
    BOOT = compile(file.read(), "boot.py", "exec")

# What is borrowed can't be imported again, once the root is a flash in memory.
def borrow(module, name):
    return getattr(__import__(module, None, None, (name,)), name)

services.borrow.borrow = borrow
services.borrow.forget = lambda module: None

import journal, ramflash, recovery
from services.events import Events
from services.site import SiteCommands
from services.status import Status
from services.update import apply, commands, contents, stage, state, trial

fat = sys.argv[2] == "fat"
BLOCKS = 640 if fat else 96


class Card:
    """A FAT in memory: sectors, written or not; without power nothing is written, unnoticed."""

    def __init__(self, data=None):
        self.data = data or bytearray(BLOCKS * 512)
        self.writes, self.cut_at, self.off = 0, None, False
        if data is None:
            vfs.VfsFat.mkfs(self)
            self.writes = 0

    def readblocks(self, block, buffer):
        buffer[:] = self.data[block * 512 : block * 512 + len(buffer)]

    def writeblocks(self, block, buffer):
        self.off = self.off or (self.cut_at is not None and self.writes >= self.cut_at)
        if not self.off:
            self.writes += 1
            self.data[block * 512 : block * 512 + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        return {4: len(self.data) // 512, 5: 512}.get(operation, 0)


class Flash(ramflash.RamFlash):
    """A flash for LittleFS; what is written without power fails, and the first one by half.

    It raises nothing: a file whose close() is torn by an exception is closed by the collector.
    """

    @property
    def off(self):
        return self._off

    def writeblocks(self, block, buf, offset=0):
        try:
            super().writeblocks(block, buf, offset)
        except ramflash.PowerCut:
            return -5

    def ioctl(self, op, arg):
        try:
            return super().ioctl(op, arg)
        except ramflash.PowerCut:
            return -5


flash = None


def power(data=None, cut_at=None):
    """Power on: a medium with these bytes, a fresh one for None; mounted as the root."""
    global flash
    flash = Card(data) if fat else Flash(BLOCKS, data)
    flash.cut_at = cut_at
    vfs.umount("/")
    vfs.mount((vfs.VfsFat if fat else vfs.VfsLfs2)(flash), "/")


def put(path, text):
    cut = path.find("/", 1)
    while cut > 0:
        try:
            os.mkdir(path[:cut])
        except OSError:
            pass
        cut = path.find("/", cut + 1)
    with open(path, "w") as file:
        file.write(text)


def tree(folder=""):
    """All that lies in a folder: path -> content, None for a folder."""
    found = {}
    for entry in os.ilistdir(folder or "/"):
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            found[path] = None
            found.update(tree(path))
        else:
            with open(path) as file:
                found[path] = file.read()
    return found


def kept_apart(found):
    """What a version is made of, without the journal's own."""
    mine = ("/boot.json", "/next", "/prev", "/filler")
    return {path: found[path] for path in found if not path.startswith(mine)}


class Update:
    """services/update, without its task."""

    def __init__(self):
        self.board = Status()
        self.status = self.board.section("update")
        self.board.section("board")["version"] = recovery.record().get("version") or "1"
        for name in ("ftp", "network"):
            self.board.section(name)["state"] = "running"
        self.events = Events()
        self.site = SiteCommands()
        self.site.add("shutdown", lambda arg: "", "")
        self.busy = False


def fill():
    """Take every block that is free."""
    file = open("/filler", "w")
    try:
        while True:
            file.write("x" * 128)
            file.flush()
    except OSError:
        pass
    try:
        file.close()
    except OSError:
        pass


def site(verb):
    return asyncio.run(commands.update(Update(), verb))


def boot():
    """Run boot.py; where power is gone meanwhile, nothing comes of it."""
    exec(BOOT, {"__name__": "__main__", "print": lambda *words: None})


OLD = {
    "/main.py": "old main" * 100, "/lib/a.py": "old a", "/lib/b.py": "old b",
    "/gone/c.py": "old c", "/gone/deep/d.py": "old d", "/kept.py": "kept", "/keep/e.py": "e",
    "/config.json": "{}",
}
NEW = {
    "/main.py": "new main" * 120, "/lib/a.py": "new a", "/lib/b.mpy": "M\\x06\\x00\\x1fnew b",
    "/made/for/f.py": "new f", "/made/g.py": "",
}
REMOVE = ["/lib/b.py", "/gone/c.py", "/gone/deep/d.py"]
if not fat:  # where it is refused
    OLD["/boot.py"], NEW["/boot.py"] = "old boot", "new boot"


def install():
    """A board that runs the old version, and has the new one staged."""
    for path in OLD:
        put(path, OLD[path])
    recovery.begin("power-on")
    files = {path: hashlib.sha256(NEW[path].encode()).digest().hex() for path in NEW}
    for path in NEW:
        put("/next" + path, NEW[path])
    text = {"version": "2", "files": files, "remove": REMOVE, "boot": not fat}
    put("/next/manifest.json", json.dumps(text))


def life():
    """From APPLY to the end of the trial, as long as the power stays."""
    for act in ACTS:
        try:
            act()
        except OSError:  # what a FAT reads there without power
            assert flash.off
        if flash.off:
            return


def look(where):
    """After a boot: which version it is; AssertionError where it is neither, or mixed."""
    found = tree()
    update = recovery.update_of(recovery.record())
    now = update.get("state")
    version = kept_apart(found)
    which = "old" if version == old else "new" if version == versions[now] else None
    assert which, (where, now, sorted(version))
    assert which == ("new" if now in ("trial", "confirmed") else "old"), (where, now, which)
    assert recovery.record()["boots"] >= 1
    if now != "trial":
        assert "/prev" not in found, (where, now)
    if now is not None:
        assert "/next" not in found, (where, now)
    else:
        assert site("verify").startswith("Verified"), where
    return now, which


def clean(where):
    """Go on to the end, whatever that is; then nothing of the update is left."""
    now, which = look(where)
    if now == "trial":
        site("confirm")
        boot()
        assert look(where) == ("confirmed", "new"), where
    left = [path for path in tree() if path.startswith(("/next", "/prev", "/boot.json"))]
    if now is not None:
        assert sorted(left) == (["/boot.json", "/boot.json.new"] if fat else ["/boot.json"]), left
    return now or "idle"


def cut_everywhere(image, step=0):
    """Cut at every write of life(); every step-th cut also at each write of the boot after it."""
    found, cut_at = {}, 0
    again = 0
    while True:
        power(bytearray(image), cut_at)
        life()
        done = not flash.off
        after = bytes(flash.data)
        if step and cut_at % step == 0:
            second = 0
            while True:
                power(bytearray(after), second)
                boot()
                through = not flash.off
                power(flash.data)
                boot()
                clean((cut_at, second))
                again += 1
                if through:
                    break
                second += 1
        power(bytearray(after))
        boot()
        now = clean(cut_at)
        found[now] = found.get(now, 0) + 1
        gc.collect()
        if done:
            return found, cut_at, again
        cut_at += 1


recovery.print = lambda *words: None
power()
install()
old = kept_apart(tree())
staged = bytes(flash.data)
power(bytearray(staged))
site("apply")
boot()
on_trial = bytes(flash.data)
versions = {"trial": kept_apart(tree()), None: None, "rolled-back": None}
new = versions["trial"]
assert set(NEW) | {"/kept.py", "/keep", "/keep/e.py"} < set(new)
assert new["/main.py"] == NEW["/main.py"]
site("confirm")
versions["confirmed"] = new = kept_apart(tree())
assert "/gone" not in new and "/lib/b.py" not in new
STEP = int(sys.argv[3])
'''

CUTS = """
ACTS = [lambda: site("apply"), boot, lambda: site("confirm"), boot]
forwards = cut_everywhere(staged, STEP)
ACTS = [lambda: site("rollback"), boot, boot]
backwards = cut_everywhere(on_trial, STEP)
print(json.dumps([forwards, backwards]))
"""

# Somebody else's files take all that is free, once APPLY has found that there is room, and again
# while the new version is on trial.
FULL = """
def full(image, act):
    power(bytearray(image))
    act()
    fill()
    try:
        put("/more", "x" * 5000)
        assert False, "there is room"
    except OSError:
        os.remove("/more")
    return bytes(flash.data)


ACTS = [boot] if fat else [boot, lambda: site("confirm"), boot]
forwards = cut_everywhere(full(staged, lambda: site("apply")), STEP)
ACTS = [lambda: site("rollback"), boot, boot]
backwards = cut_everywhere(full(on_trial, lambda: None), STEP)
print(json.dumps([forwards, backwards]))
"""


@pytest.mark.parametrize(("system", "step"), [("littlefs", 2), ("fat", 4)])
def test_a_cut_at_any_write_leaves_one_of_the_two_versions_whole(micropython, system, step):
    out = micropython(DEVICE + CUTS, STANDINS, system, step, BOOT, timeout=110, heap="16m")

    (forwards, cuts, again), (backwards, back_cuts, back_again) = json.loads(out)
    assert set(forwards) == {"idle", "confirmed", "trial"}
    assert set(backwards) == {"rolled-back", "trial"}
    assert (cuts > 60, back_cuts > 30, again > 300, back_again > 150) == (True,) * 4, out


@pytest.mark.parametrize(("system", "step"), [("littlefs", 9), ("fat", 0)])
def test_so_it_does_on_a_full_disk(micropython, system, step):
    """On FAT each cut may lose clusters, which no disk has that is full: only one cut there."""
    out = micropython(DEVICE + FULL, STANDINS, system, step, BOOT, timeout=110, heap="16m")

    (forwards, *_), (backwards, *_) = json.loads(out)
    # On a FAT the new files are copies, for which there is no room any more.
    assert set(forwards) == ({"rolled-back"} if system == "fat" else {"confirmed", "trial"})
    assert set(backwards) == {"rolled-back", "trial"}
