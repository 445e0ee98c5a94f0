"""Versions that don't work come back to the old one by themselves; one that does stays.

Each has a board of its own, and all of them run at the same time: most of it is waiting, for
watchdogs and for time to pass.
"""

import concurrent.futures
import json
from dataclasses import dataclass, field

import pytest
from archives import archive_with
from fixtures_sim import desk
from outpost import bundle
from outpost.sim.flash import Flash
from update.conftest import TRIAL_S, Updater, content_of

PATIENCE_S = 150  # that of the slowest is 40 s, on a machine that has nothing else to do
GOOD_APP = b"""
import asyncio

async def run(status, events):
    while True:
        status.section("app")["readings"] = 7
        await asyncio.sleep(1)
"""
APP = """
import asyncio, gc, machine, time

async def run(status, events):
    await asyncio.sleep_ms(1500)
    %s
    await asyncio.sleep(1000)
"""
TREE = bundle.tree_root()
TEXTS = {one.place: one.text for one in bundle.merged(TREE)}
MAIN = TEXTS["/main.py"]


def module(path, text):
    """The archive with another module in place of the one that is there."""
    return {bundle.ARCHIVE: archive_with({path: text})}


def without(begin):
    """The archive without a service: without the modules whose paths begin so."""
    paths = [file.path for file in bundle.modules(TREE) if file.path.startswith(begin)]
    return {bundle.ARCHIVE: archive_with(remove=paths)}


def damaged():
    """An archive that only its index's check can tell from a whole one."""
    content = bytearray(archive_with())
    content[30] ^= 1
    return {bundle.ARCHIVE: bytes(content)}


@dataclass
class Case:
    """A version: what it brings and takes away, and what the board shall say of it."""

    files: dict = field(default_factory=dict)
    remove: list = field(default_factory=list)
    reason: str = ""
    trial_s: int = TRIAL_S
    state: str = "rolled-back"


def app(line, reason, **more):
    """A version whose application does something after a second and a half."""
    return Case({"/app.py": (APP % line).encode()}, reason=reason, **more)


CASES = {
    "good": Case({"/app.py": GOOD_APP + b"# 2\n"}, state="confirmed"),
    # At import.
    "main.py has a typo": Case({"/main.py": b"def main(:"}, reason="the watchdog"),
    "main.py imports what isn't there": Case(
        {"/main.py": b"import nosuchmodule\n" + MAIN.encode()}, reason="the watchdog"
    ),
    "main.py hangs": Case(
        {"/main.py": b"while True:\n    pass\n" + MAIN.encode()}, reason="the watchdog"
    ),
    "the supervisor is missing": Case(without("/daemon."), reason="the watchdog"),
    "the archive is damaged": Case(damaged(), reason="/outpost.bin is damaged"),
    "hal fails": Case(module("/hal/__init__", "1 // 0"), reason="hal: ZeroDivisionError"),
    "hal hangs": Case(module("/hal/__init__", "while True: pass"), reason="the watchdog"),
    "a service hangs": Case(
        module("/services_time_service", "while True: pass"), reason="the watchdog"
    ),
    "FTP has a typo": Case(
        module("/services_ftp_server", "raise SyntaxError"), reason="ftp: SyntaxError"
    ),
    "a service imports what isn't there": Case(
        module("/services_time_service", "import nosuchmodule"), reason="time: ImportError"
    ),
    "the network service is dropped": Case(
        without("/services_network_"), reason="network: ImportError"
    ),
    # At start, and later.
    "main.py drops the network": Case(
        {"/main.py": MAIN.replace('    ("network",', '    # ("network",').encode()},
        reason="network does not run",
        trial_s=1,
    ),
    "the daemon raises": Case(
        module(
            "/daemon", TEXTS["/daemon.py"].replace("    running = ", "    1 // 0\n    running = ")
        ),
        reason="ZeroDivisionError: divide by zero",
    ),
    "updates are dropped": Case(
        without("/services_update_"), reason="it did not prove itself in time", trial_s=1
    ),
    # Its trial would be ten minutes long, more than anybody waits here.
    "the application ends with an error": app(
        "1 // 0", "app: ZeroDivisionError: divide by zero", trial_s=60
    ),
    "the application ends with another error each time": app(
        "raise ValueError(time.ticks_us())", "30 s without health: app: ValueError", trial_s=3
    ),
    "the application hangs": app("while True: pass", "the watchdog reset it, app hung"),
    "the application sleeps": app("time.sleep(60)", "the watchdog reset it, app hung"),
    "the application resets": app("machine.reset()", "3 boots without a healthy minute"),
    "the application switches off": app("asyncio.core._io_queue.poller = None", "AttributeError"),
    "the application fills the heap": app(
        "held = []\n    while True: held.append(bytearray(2000)); await asyncio.sleep_ms(0)", ""
    ),
    "the application holds the heap": app(
        "held = []; gc.collect()\n    while gc.mem_free() > 4000: held.append(bytearray(200))",
        "",
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """name of the case -> (last status, board, the files on its flash)."""
    folder = tmp_path_factory.mktemp("versions")

    def try_out(name, board):
        case = CASES[name]
        board.wait_ready(60)
        updater = Updater(board)
        updater.stage(case.files, case.remove, trial_s=case.trial_s)
        updater.apply()
        status = updater.wait_for("confirmed", "rolled-back", patience=PATIENCE_S)
        listing = updater.names()
        updater.session.close()
        return status, listing

    with desk(folder) as start:
        boards = {}
        for number, name in enumerate(CASES):
            image = folder / f"{number}.img"
            with Flash(image, fresh=True) as flash:
                flash.write("/app.py", GOOD_APP)
                flash.write("/config.json", json.dumps({"app": "app"}).encode())
            board = start(flash=image, wait=False, resets_without_ready=20)
            board.allow_traceback = True
            boards[name] = board
        with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
            tried = {name: pool.submit(try_out, name, boards[name]) for name in CASES}
        found = {}
        for name, board in boards.items():
            board.sessions.close()
            board.kill()
            error = tried[name].exception()
            found[name] = error or (*tried[name].result(), content_of(board.flash))
        yield found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_the_old_version_comes_back_or_the_new_one_stays(outcomes, name):
    case = CASES[name]
    outcome = outcomes[name]
    if isinstance(outcome, Exception):
        raise AssertionError(name) from outcome
    status, listing, files = outcome

    assert status["state"] == case.state
    assert case.reason in status["reason"]
    assert not listing & {"next", "prev"}
    expected = {file.path: file.content for file in bundle.device_files(TREE)}
    expected["/app.py"] = GOOD_APP
    if case.state == "confirmed":
        expected |= case.files
    found = {path: files[path] for path in files if not path.startswith("/config.")}
    found.pop("/app.hung", None)  # of an application that hung; the next one has its own count
    assert found == expected
