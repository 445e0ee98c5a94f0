"""Small files that Outpost replaces: a cut of the power at any write leaves the old or the new.

On a LittleFS and on a FAT in memory. After each cut comes what a boot does, in its order: boot.py
reads the network's options, main.py config.json, FTP sweeps. Then other files take all that is
free: a block that is given to two files would show.
"""

import json
from pathlib import Path

import pytest

STANDINS = Path(__file__).resolve().parent.parent / "standins"
BOOT = Path(__file__).resolve().parent.parent.parent / "boot.py"

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import asyncio, gc, json, os
import config, hal, hal.fat, joining, ramflash, recovery, resets
from hal import files, identity
from services.events import Backlog
from services.ftp import commands
from services.ftp.files import sweep, times
from services.log import crash
from services.telemetry import spill

with open(sys.argv[4]) as file:
    BOOT = compile(file.read(), "boot.py", "exec")
system, crowd = sys.argv[2], int(sys.argv[3])


class FakeLink:
    made = []
    def __init__(self, *options):
        self.made.append(options)
    def start(self):
        pass

hal.Link = FakeLink
recovery.print = lambda *words: None


def put(path, content):
    with open(path, "wb") as file:
        file.write(content)


def get(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def text(name):
    return json.dumps({"name": name, "network": {"ssid": name}, "more": name * 60})


def failed(text):
    backlog = Backlog(1)
    backlog.put(("task/crash", json.dumps({"error": text}).encode()))
    spill.keep("/log/spill.txt", backlog, b" task/crash ")


def prepare(first=False):
    for folder in ("/log", "/data"):
        os.mkdir(folder)
    for number in range(crowd):  # so that two entries lie in one sector of a folder or in two
        put("/a name of some length %d" % number, b"c")
        put("/log/a name of some length %d" % number, b"c")
    put("/data/a", b"theirs")
    if first:
        return
    for path in ("/config.json", "/config.last"):
        put(path, text("old").encode())
    crash.save("old " * 100)
    times.keep("/data/a", 1500000000)
    failed("old")


def fill():
    number = 0
    try:
        while True:
            put("/fill%d" % number, b"f" * 512)
            number += 1
    except OSError:
        pass


def boot():
    '''A boot as far as the files go; return what each part of it has read.'''
    FakeLink.made.clear()
    exec(BOOT, {"__name__": "__main__"})
    ssid = FakeLink.made[0][0]
    found, problems, _ = config.load()
    asyncio.run(sweep.sweep(set()))
    return ssid, found.get("name"), problems


def replaced(path, act, first=False):
    '''[cuts, the contents that were found, oldest first]; AssertionError for anything else.'''
    contents = {}

    def before():
        prepare(first)
        contents["old"] = get(path)

    def check(done):
        boot()
        content = get(path)
        assert done or content == contents["old"] or content in seen, (path, content)
        if done:
            seen.append(content)
        left.append(content != contents["old"])
        fill()
        assert get(path) == content, "other files lie on its blocks"
        unfinished = [name for name in os.listdir("/") + os.listdir("/log") if ".upload-" in name]
        assert not unfinished, unfinished

    # Once without a cut: what the new content is.
    seen, left = [], []
    medium = ramflash.Card if system == "fat" else ramflash.RamFlash
    flash = medium()
    ramflash.mount(flash)
    before()
    act()
    seen.append(get(path))
    cuts = ramflash.at_every_write(before, act, check, medium)
    return [cuts, left == sorted(left), sorted(set(left))]
"""

WRITERS = {
    "config.json": ("/config.json", "config.put(('name',), 'a longer name ' * 40)", False),
    "config.last": ("/config.last", "config.put(('name',), 'a longer name ' * 40)", False),
    "first config.json": ("/config.json", "config.put(('name',), 'new')", True),
    "times": ("/.times", "times.keep('/data/a', 1600000000)", False),
    "spill": ("/log/spill.txt", "failed('new ' * 100)", False),
}


@pytest.mark.parametrize(
    ("system", "crowd"), [("littlefs", 0), *(("fat", crowd) for crowd in range(8))]
)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_cut_at_any_write_leaves_the_old_one_or_the_new_one(micropython, system, crowd, writer):
    path, act, first = WRITERS[writer]
    script = SCRIPT + f"\nprint(json.dumps(replaced({path!r}, lambda: {act}, {first})))"

    out = micropython(script, STANDINS, system, crowd, BOOT, heap="16m", timeout=100)

    cuts, in_order, found = json.loads(out.splitlines()[-1])
    assert cuts > 2
    assert in_order, "the old one came back"
    assert found == [False, True]


CONFIG = """
medium = ramflash.Card if system == "fat" else ramflash.RamFlash
names = []

def check(done):
    ssid, name, problems = boot()
    assert ssid == name and name in ("old", "new"), (ssid, name)
    assert name == "new" or not done
    names.append(name)
    fill()
    assert boot()[:2] == (name, name)

cuts = ramflash.at_every_write(
    prepare, lambda: files.replace("/config.json", (text("new"),)), check, medium
)
print(json.dumps([cuts, sorted(set(names))]))
"""


@pytest.mark.parametrize(
    ("system", "crowd"), [("littlefs", 0), *(("fat", crowd) for crowd in range(8))]
)
def test_a_board_never_loses_its_network_and_its_users(micropython, system, crowd):
    """boot.py and main.py read one and the same config.json after each cut."""
    out = micropython(SCRIPT + CONFIG, STANDINS, system, crowd, BOOT, heap="16m", timeout=100)

    cuts, names = json.loads(out.splitlines()[-1])
    assert cuts > 2
    assert names == ["new", "old"]


TWICE = """
names = []
card = ramflash.Card()
ramflash.mount(card)
prepare()
image = bytes(card.data)


def cut(image, cut_at, act):
    card = ramflash.Card(data=bytearray(image))
    card.cut_at = cut_at
    ramflash.mount(card)
    try:
        act()
    except OSError:
        pass
    gc.collect()
    return bytes(card.data), not card.off


at = 0
through = False
while not through:
    after, through = cut(image, at, lambda: files.replace("/config.json", (text("new"),)))
    again, settled = 0, False
    while not settled:
        last, settled = cut(after, again, boot)
        again += 1
        ramflash.mount(ramflash.Card(data=bytearray(last)))
        ssid, name, problems = boot()
        assert ssid == name and name in ("old", "new"), (at, again, ssid, name)
        names.append(name)
        fill()
        assert boot()[:2] == (name, name), (at, again)
    at += 1
print(json.dumps([len(names), sorted(set(names))]))
"""


@pytest.mark.parametrize("crowd", range(8))
def test_a_second_cut_in_the_boot_costs_nothing_either(micropython, crowd):
    out = micropython(SCRIPT + TWICE, STANDINS, "fat", crowd, BOOT, heap="16m", timeout=100)

    boots, names = json.loads(out.splitlines()[-1])
    assert boots > 20
    assert names == ["new", "old"]


LIFE = """
import proven
from hashlib import sha256

medium = ramflash.Card if system == "fat" else ramflash.RamFlash
NEW, OLD = text("new").encode(), text("old").encode()
found = []

def before():
    prepare()
    put("/config.json", NEW)
    put("/config.failed.json", b"of an earlier trial")

def taken_back(done):
    ssid, name, problems = boot()
    assert ssid == name and name in ("old", "new"), (ssid, name)
    assert get("/config.last") == OLD
    assert get("/config.json") == (OLD if name == "old" else NEW)
    if name == "old":
        assert get("/config.failed.json") == NEW, get("/config.failed.json")
        assert proven.reason() == ("no network", False)
    assert name == "old" or not done
    found.append(name)
    fill()
    assert boot()[:2] == (name, name)

def proved(done):
    assert boot()[:2] == ("new", "new")
    assert get("/config.json") == NEW
    last = get("/config.last")
    assert last in (OLD, NEW) and (last == NEW or not done)
    found.append("old" if last == OLD else "new")
    fill()
    assert get("/config.last") == last

act, check = {
    "taken back": (lambda: proven.take_back("no network"), taken_back),
    "proven": (lambda: proven.prove(), proved),
}[sys.argv[5]]
cuts = ramflash.at_every_write(before, act, check, medium)
print(json.dumps([cuts, sorted(set(found))]))
"""


@pytest.mark.parametrize(
    ("system", "crowd"), [("littlefs", 0), *(("fat", crowd) for crowd in range(8))]
)
@pytest.mark.parametrize("what", ["taken back", "proven"])
def test_a_trial_ends_in_one_of_two_ways_whenever_the_power_goes(micropython, system, crowd, what):
    """The proven one is there after each cut, and what failed isn't lost."""
    out = micropython(SCRIPT + LIFE, STANDINS, system, crowd, BOOT, what, heap="16m", timeout=100)

    cuts, found = json.loads(out.splitlines()[-1])
    assert cuts > 2
    assert found == ["new", "old"]


FULL = """
import proven

flash = (ramflash.Card if system == "fat" else ramflash.RamFlash)()
ramflash.mount(flash)
prepare()
put("/config.json", text("new").encode())
fill()
try:
    proven.take_back("no network")
except OSError as error:
    print(error)
print(json.dumps([boot()[1], get("/config.last") == text("old").encode()]))
"""


@pytest.mark.parametrize("system", ["littlefs", "fat"])
def test_a_full_disk_does_not_keep_a_board_from_going_back(micropython, system):
    out = micropython(SCRIPT + FULL, STANDINS, system, 0, BOOT, heap="16m", timeout=100)

    assert json.loads(out.splitlines()[-1]) == ["old", True]
