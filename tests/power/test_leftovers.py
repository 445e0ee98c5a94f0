"""Left-over temporary files: whoever writes beside a file, a power cut leaves nothing for long."""

import json
from pathlib import Path

import pytest
from outpost.sim.flash import Flash

STANDINS = Path(__file__).resolve().parent.parent / "standins"

# The power is cut at every write of whoever replaces a file by rename; then comes what the next
# boot does: the record of boots, and FTP's sweep.
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import asyncio, json, os
import config, ramflash, recovery
from services.ftp import commands
from services.ftp.files import sweep, times
from services.events import Backlog
from services.log import crash
from services.telemetry import spill


def failed(text):
    backlog = Backlog(1)
    backlog.put(("task/crash", json.dumps({"error": text}).encode()))
    spill.keep("/log/spill.txt", backlog, ("task/crash",))


def prepare():
    for folder in ("/log", "/data"):
        os.mkdir(folder)
    for path in ("/config.json", "/config.last"):
        with open(path, "w") as file:
            file.write('{"name": "a"}')
    for path in ("/data/a", "/data/theirs.new", "/data/.uploaded"):
        with open(path, "w") as file:
            file.write("theirs")
    crash.save("old")
    times.keep("/data/a", 1500000000)
    failed("old")
    recovery.begin("reset")


def files(folder="/"):
    found = []
    for entry in os.ilistdir(folder):
        path = folder.rstrip("/") + "/" + entry[0]
        found += files(path) if entry[1] & 0x4000 else [path]
    return sorted(found)


left = {}
def check(done):
    for path in files():
        left[path] = True
    recovery.begin("power-on")
    asyncio.run(sweep.sweep(set()))
    assert files() == whole, files()


ramflash.mount(ramflash.RamFlash())
prepare()
whole = files()
found = {}
for name, act in (
    ("config", lambda: config.put(("name",), "a longer name")),
    ("crash", lambda: crash.save("new " * 100)),
    ("times", lambda: times.keep("/data/a", 1600000000)),
    ("spill", lambda: failed("new " * 100)),
    ("record", lambda: recovery.keep({"boots": 2})),  # begin() would swallow the cut
):
    left.clear()
    cuts = ramflash.at_every_write(prepare, act, check)
    found[name] = cuts, sorted(set(left) - set(whole))
print(json.dumps(found))
"""


def test_each_writers_temporary_file_is_gone_after_the_next_boot(micropython):
    # The last line: a file that the cut left open may complain when it is collected.
    found = json.loads(micropython(SCRIPT, STANDINS, heap="4m", timeout=60).splitlines()[-1])

    assert {name: left for name, (_, left) in found.items()} == {
        "config": ["/.upload-config.json", "/.upload-config.last"],
        "crash": ["/log/.upload-crash.txt"],
        "times": ["/.upload-.times"],
        "spill": ["/log/.upload-spill.txt"],
        "record": ["/boot.json.new"],
    }
    assert all(cuts > 2 for cuts, _ in found.values())


@pytest.mark.parametrize("options", [{}, {"config": {"log": {"path": None}}}], ids=["", "no log"])
def test_a_boot_sweeps_every_folder_and_touches_nothing_of_the_users(start_board, options):
    board = start_board(**options)
    board.stop()
    ours = ("/.upload-config.json", "/log/.upload-crash.txt", "/a/b/.upload-12", "/.upload-.times")
    theirs = ("/a/config.json.new", "/a/b/.uploads", "/a/upload-1", "/config.bak")
    with Flash(board.flash) as flash:
        for path in (*ours, *theirs):
            flash.write(path, b"left")
    board.start()
    board.wait_ready()
    session = board.ftp()
    for folder in ("/", "/log", "/a", "/a/b"):
        while any(name.rpartition("/")[2].startswith(".upload-") for name in session.nlst(folder)):
            pass  # the sweep runs beside us
    session.quit()
    board.stop()
    with Flash(board.flash) as flash:
        found = set(flash.paths())
    assert not found & set(ours)
    assert found >= set(theirs)
