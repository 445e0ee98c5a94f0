"""The black box after an unclean reset, and failures that flash keeps until a broker hears."""

import ftplib
import json
import time

import pytest
from outpost import bundle
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare
from telemetry.payloads import faults

# Holds the loop once in its life, in bytecode.
HOG = """
import asyncio, os

async def run(status, events):
    await asyncio.sleep(1)
    if "bitten" not in os.listdir("/"):
        open("/bitten", "w").close()
        await asyncio.sleep(1)
        while True:
            pass
    await asyncio.sleep(1000)
"""


@pytest.fixture
def board(start_board, mosquitto, tmp_path):
    """Start a board: (app=None, **telemetry) -> DeskBoard."""

    def start(app=None, **telemetry):
        flash = tmp_path / "box.img"
        prepare(flash, bundle.tree_root(), config=json.dumps({"app": "app"} if app else {}))
        if app:
            with Flash(flash) as content:
                content.write("/app.py", app.encode())
        return start_board(
            flash=flash,
            clock="real",
            config={"telemetry": {"broker": mosquitto.url} | telemetry},
        )

    return start


def wait_boot(subscriber, number):
    """Wait until boot `number` is told, and what its beginning brought with it."""
    subscriber.wait_for("/info", boots=number)
    subscriber.wait_for("/state", count=1)


def test_a_hang_leaves_a_black_box_and_clean_resets_leave_none(board, subscriber):
    device = board(app=HOG)
    message = subscriber.wait_for("board/blackbox", timeout=40)
    assert faults(message) == []
    box = message.json
    assert box["cause"] == "watchdog"
    # As far as the board itself knows who held the loop.
    assert box["service"] == subscriber.wait_for("/state", count=2).json["board"]["hung_in"]
    assert "board/boot" in box["log"]
    assert box["boot"] == 2
    assert box["seq"] == 1

    device.wait_ready()
    device.ftp().sendcmd("SITE shutdown -r")
    wait_boot(subscriber, 3)
    device.wait_ready()
    device.kill()  # the power goes
    device.start()
    device.wait_ready()
    wait_boot(subscriber, 4)
    device.upload(device.ftp(), "/last.txt")
    subscriber.wait_for("ftp/transfer", event_type="stored", path="/last.txt")
    assert len(subscriber.matching("board/blackbox")) == 1


def test_a_failure_that_no_broker_heard_of_survives_a_reset(board, mosquitto, subscriber):
    mosquitto.stop()
    device = board()
    session = device.ftp()
    with pytest.raises(ftplib.error_perm):
        device.ftp(password="not it")  # strangers don't write to flash
    assert "kept 0" in device.stat(session)
    device.begin_upload("/broken.bin")._session.close()
    device.wait_console("event_type=failed")
    # Kept as soon as the attempt under way has failed.
    deadline = time.monotonic() + 10
    while "kept 1" not in device.stat(session) and time.monotonic() < deadline:
        pass
    assert "kept 1" in device.stat(session)
    device.kill()
    mosquitto.start()
    device.start()
    device.wait_ready()

    message = subscriber.wait_for("ftp/transfer", event_type="failed", path="/broken.bin")
    assert faults(message) == []
    assert message.json["boot"] == 1
    device.upload(device.ftp(), "/a.txt")
    subscriber.wait_for("ftp/transfer", event_type="stored", path="/a.txt")
    assert "spill.txt" not in " ".join(device.ftp().nlst("/log"))
    device.ftp().sendcmd("SITE shutdown -r")
    wait_boot(subscriber, 3)
    assert len(subscriber.matching("ftp/transfer", event_type="failed")) == 1


LOGS = """
import json, os
from services.telemetry.blackbox import black_box

def told(cause, lines, level="INFO", more=b"", older=b"", hung=None):
    for path, text in ((PATH + ".1", older), (PATH, lines.encode() + more)):
        with open(path, "wb") as file:
            file.write(text)
    board = {"reset_cause": cause, "hung_in": hung}
    return black_box(board, {"path": PATH, "level": level, "last_crash": "then"})

LIVE = "t INFO board/boot boots=1\\nt INFO ftp/login user=x\\n"
STOPPED = LIVE + "t INFO board/stop how=reset\\nt INFO telemetry/down broker=b\\n"
FAILED = LIVE + "t ERROR service/restart error=\\"a b\\" failures=1 service=app at=x:1\\n"
LOST = LIVE + 'm ERROR task/crash error=x task="ftp data" at=x:1\\n'
print(json.dumps([
    told("watchdog", STOPPED),
    told("watchdog", FAILED),
    told("watchdog", FAILED, hung="time"),
    told("watchdog", LOST, more=b"\\xff\\xfe\\n"),
    told("reset", LIVE),
    told("watchdog", "", older=LIVE.encode() * 50),
    told("watchdog", LIVE * 50),
    black_box({"reset_cause": "watchdog"}, {"path": None}),
]))
print(json.dumps([
    told("reset", STOPPED),
    told("soft", STOPPED),
    told("reset", LIVE, level="WARNING"),
    told("reset", ""),
    told("power-on", LIVE),
    told("deep-sleep", LIVE),
    black_box({"reset_cause": "reset"}, {"path": None}),
    black_box({"reset_cause": "reset"}, {}),
]))
"""


def test_the_log_tells_who_died_and_whether_a_reset_was_clean(micropython, tmp_path):
    out = micropython(f"PATH = {str(tmp_path / 'log')!r}\n{LOGS}")
    unclean, clean = map(json.loads, out.splitlines())

    assert clean == [None] * 8
    assert [box["service"] for box in unclean] == [
        *(None, "app", "time", "ftp data", None, None, None, None)
    ]
    assert unclean[1]["log"].splitlines()[-1].startswith("t ERROR service/restart")
    assert unclean[3]["log"].endswith("\n??")
    assert unclean[4]["cause"] == "reset"
    assert unclean[5]["log"].count("\n") == 7, "eight lines, of the older file"
    assert all(len(box["log"]) <= 900 for box in unclean)
    assert unclean[7] == {"cause": "watchdog", "service": None, "crash": None, "log": ""}


OUTBOX = """
import asyncio, json, os
import ramflash
from services.status import Status
from services.telemetry import delivery, outbox, spill
from services.telemetry.delivery import deliver_kept, forget_kept

# Nothing can be imported once the flash is mounted.
outbox.borrow = delivery.borrow = lambda module, name: getattr(spill, name)
flash = ramflash.RamFlash()
ramflash.mount(flash)
status = Status()
for name in ("board", "time", "heap"):
    status.section(name)
status.section("board")["boots"] = 7
section = status.section("telemetry")
section["connected"] = False

def box():
    return outbox.Outbox(64, "base/", section, status.sections)

def fail(box, number, size=40):
    box.put("ftp/transfer", {"event_type": "failed", "path": "/" + "x" * size, "n": number})

class Connection:
    def __init__(self):
        self.sent = []
    def publish(self, topic, payload, retain=False):
        event = json.loads(payload)
        self.sent.append((topic.decode(), event.get("n"), event.get("boot")))
    async def confirm(self):
        pass

def delivered(box):
    connection = Connection()
    asyncio.run(deliver_kept(box, connection))
    return connection.sent
"""


def test_flash_is_written_seldom_and_bounded(micropython):
    micropython(
        OUTBOX
        + """
first = box()
first.put("ftp/transfer", {"event_type": "stored"})
first.put("ftp/login", {"ok": False})
writes = flash.writes
first.keep(True)
assert flash.writes == writes, "nothing to keep"
fail(first, 1)
first.keep()
assert section["kept"] == 1
writes = flash.writes
fail(first, 2)
first.keep()
assert flash.writes == writes, "too soon"
first.keep(True)
assert section["kept"] == 2
for number in range(3, 60):
    fail(first, number, 300)
first.keep(True)
assert os.stat("/log/spill.txt")[6] <= 4096
assert delivered(first) == [], "what waits in the backlog isn't sent twice"
kept = [n for topic, n, boot in delivered(box())]
assert kept == list(range(60 - len(kept), 60)), kept
assert len(kept) > 5
assert all(topic == "base/event/ftp/transfer" and boot == 7 for topic, n, boot in delivered(box()))
# The next life's failures go behind them.
second = box()
status.section("board")["boots"] = 8
second.put("service/restart", {"n": 60})
second.keep(True)
assert delivered(box())[-1] == ("base/event/service/restart", 60, 8)
assert [n for topic, n, boot in delivered(box())][-2] == 59
forget_kept(second)
assert "spill.txt" not in os.listdir("/log")
assert section["kept"] == 0
""",
        timeout=60,
    )


def test_a_power_cut_at_any_write_leaves_the_old_failures_or_the_new(micropython):
    out = micropython(
        OUTBOX
        + """
seen = set()

def prepare():
    old = box()
    fail(old, 1)
    old.keep(True)

def act():
    new = box()
    fail(new, 2, 500)
    new.keep(True)

def check(done):
    found = [n for topic, n, boot in delivered(box())]
    assert found == [1, 2] or found == [1] and not done, found
    seen.add(tuple(found))

print(ramflash.at_every_write(prepare, act, check), sorted(seen))
""",
        timeout=60,
    )
    cuts, _, seen = out.partition(" ")
    assert int(cuts) > 3
    assert seen == "[(1,), (1, 2)]\n"


def test_a_damaged_file_and_a_full_flash_are_no_harm(micropython):
    micropython(
        OUTBOX
        + r"""
os.mkdir("/log")
with open("/log/spill.txt", "wb") as file:
    file.write(b'ftp/transfer {"n": 1}\n\xff\xfe\x00\ntask/crash {"n": 2\n')
    file.write(b'task/crash []\n {"n": 9}\ntask/crash {"n": 3}\nservice/restart {"n": 4')
assert [n for topic, n, boot in delivered(box())] == [1, 3], delivered(box())
with open("/log/spill.txt", "wb") as file:
    file.write(b"x" * 9000)
assert delivered(box()) == []
os.remove("/log/spill.txt")
for number in range(100):
    try:
        with open("/full%d" % number, "wb") as file:
            file.write(bytes(3000))
    except OSError:
        break
full = box()
for number in range(20):
    fail(full, number, 300)
full.keep(True)
assert "spill.txt" in section["problem"], section
assert len(full) == 20, "what waits goes on waiting"
""",
        timeout=60,
    )
