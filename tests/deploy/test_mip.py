"""package.json, and what the two mip clients make of it, from a server on the loopback."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from outpost.dependencies import PACKAGES
from outpost.package import package

ROOT = Path(__file__).parents[2]
INTERPRETER = Path(sys.executable).with_name("micropython")
STANDINS = ROOT / "tests" / "standins"

IMPORT_ALL = """
import sys
sys.path[:] = [sys.argv[1], ".frozen"]
import logging, ntptime, umqtt.simple
import config, hal, recovery, supervisor
from services.ftp.server import FtpServer
from services.log import Log
from services.network import Network
from services.telemetry import Telemetry
from services.time import Clock
for module in (logging, ntptime, umqtt.simple, config, supervisor):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
print("imported")
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path):
    """The repository's package and an index that holds the stand-ins -> url, folder."""
    folder = tmp_path / "served"
    text = package(ROOT)
    for _, path in json.loads(text)["urls"]:
        copy = folder / "outpost" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy)
    (folder / "outpost" / "package.json").write_text(text)
    for name, (file, _) in PACKAGES.items():
        content = (STANDINS / file).read_bytes()
        short = hashlib.sha256(content).hexdigest()[:8]
        for form in ("py", "6"):
            made = folder / "index" / "package" / form / name / "latest.json"
            made.parent.mkdir(parents=True)
            made.write_text(json.dumps({"v": 1, "version": "1", "hashes": [[file, short]]}))
        stored = folder / "index" / "file" / short[:2] / short
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(content)
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield SimpleNamespace(folder=folder, url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_the_package_lists_what_is_there():
    listed = json.loads((ROOT / "package.json").read_text())
    there = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.py", "hal/**/*.py", "services/**/*.py")
        for path in ROOT.glob(pattern)
        if path.name != "manifest.py"  # for the build of firmware
    }
    assert {path for path, _ in listed["urls"]} == there, "run `make package`"
    assert (ROOT / "package.json").read_text() == package(ROOT), "run `make package`"
    assert [name for name, _ in listed["deps"]] == ["logging", "ntptime", "umqtt.simple"]


def test_the_boards_own_mip_installs_it(served, tmp_path, micropython):
    target = tmp_path / "installed"
    where = ("--target", target, "--index", f"{served.url}/index")
    done = subprocess.run(
        [INTERPRETER, "-m", "mip", "install", *where, f"{served.url}/outpost/package.json"],
        env=os.environ | {"MICROPYPATH": ".frozen"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "Done" in done.stdout, done.stdout + done.stderr
    assert (target / "main.py").read_bytes() == (ROOT / "main.py").read_bytes()
    assert "imported" in micropython(IMPORT_ALL, target)


def test_mpremotes_mip_brings_it_onto_a_board_that_then_runs_it(board, mpremote, served, config):
    board.power_off()
    board.write("/config.json", config.read_bytes())
    board.power_on()
    where = ("--target", "/", "--index", f"{served.url}/index")
    said = mpremote("mip", "install", *where, f"{served.url}/outpost/package.json")
    assert "Done" in said
    board.power_off()
    files = board.files()
    assert files["/main.py"] == (ROOT / "main.py").read_bytes()
    # The dependencies follow --target; the root is the first entry of a board's sys.path.
    assert {"/logging.py", "/ntptime.py", "/umqtt/simple.py"} <= set(files)
    printed = len(board.console)
    board.heap = "160wK"  # what it takes as source
    board.power_on()
    # The network starts after the log and before FTP; each is named when it can't.
    board.wait(lambda: b"network/up" in board.console[printed:], "running Outpost")
    for trouble in (b"Traceback", b"Error", b"service/restart"):
        assert trouble not in board.console[printed:]


def test_mpremotes_mip_takes_a_checkout_too(board, mpremote, served):
    listed = json.loads((served.folder / "outpost" / "package.json").read_text())
    few = served.folder / "outpost" / "few.json"
    few.write_text(json.dumps({"urls": listed["urls"][:3]}))
    assert "Done" in mpremote("mip", "install", "--target", "/", few)
    board.power_off()
    there = {f"/{path}": (ROOT / path).read_bytes() for path, _ in listed["urls"][:3]}
    assert board.files() == there
