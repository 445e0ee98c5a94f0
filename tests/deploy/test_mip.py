"""A release, and what the two mip clients make of it, from a server on the loopback."""

import functools
import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from outpost import bundle
from outpost.bundle import archive
from outpost.dependencies import PACKAGES, VERSIONS
from outpost.package import release

ROOT = Path(__file__).parents[2]
INTERPRETER = Path(sys.executable).with_name("micropython")
STANDINS = ROOT / "tests" / "standins"

IMPORT_ALL = """
import sys, vfs
root = vfs.VfsPosix(sys.argv[1])
vfs.umount("/")
vfs.mount(root, "/")
sys.path[:] = ["/", ".frozen", "/lib"]
import archive
archive.start()
import logging, ntptime, umqtt.simple
import config, daemon, hal, recovery
from services_ftp_server import FtpServer
from services_log_service import Log
from services_network_service import Network
from services_telemetry_service import Telemetry
from services_time_service import Clock
for module in (logging, ntptime, umqtt.simple):
    assert not module.__file__.startswith("/.o"), module.__file__
for module in (config, daemon, hal):
    assert module.__file__.startswith("/.o/"), module.__file__
print("imported")
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def assets():
    """What a release has: name -> bytes."""
    return release(ROOT)


@pytest.fixture
def served(tmp_path, assets):
    """A release and an index that holds the stand-ins, by the versions that are asked for."""
    folder = tmp_path / "served"
    (folder / "release").mkdir(parents=True)
    for name, content in assets.items():
        (folder / "release" / name).write_bytes(content)
    for name, (file, _) in PACKAGES.items():
        content = (STANDINS / file).read_bytes()
        short = hashlib.sha256(content).hexdigest()[:8]
        for form in ("py", "6"):
            made = folder / "index" / "package" / form / name / f"{VERSIONS[name]}.json"
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


def test_it_lists_the_bundle_and_each_file_lies_beside_it(assets):
    listed = json.loads(assets["package.json"])
    there = {f"/{path}": assets[name] for path, name in listed["urls"]}
    bundled = {file.path: file.content for file in bundle.device_files(ROOT)}
    mine, whole = (set(archive.unpacked(of[bundle.ARCHIVE])) for of in (there, bundled))
    packages = {
        zlib.crc32(f"/lib/{name}.mpy".encode()) for name in ("logging", "ntptime", "umqtt/simple")
    }
    assert whole - mine == packages, "mip brings these, and not from here"
    del there[bundle.ARCHIVE], bundled[bundle.ARCHIVE]
    assert there == bundled
    assert {"/boot.py", "/main.py"} < set(there)
    assert listed["deps"] == [[name, VERSIONS[name]] for name in PACKAGES]
    assert all("/" not in name for name in assets), "a release on a forge has no folders"


def test_its_checksums_are_those_of_its_files(assets, tmp_path):
    for name, content in assets.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(assets) - 1


def _firmware(assets):
    (name,) = (name for name in assets if name.endswith("-firmware.zip"))
    return name


def test_its_map_explains_what_its_boards_say(assets):
    board, firmware = (json.loads(assets[name]) for name in assets if name.endswith(".map.json"))
    for way in (board, firmware):
        assert any(name.endswith(f"-{way['bundle']}.map.json") for name in assets)
        assert {f"/{p}" for p in ("main.py", "services_ftp_server.py")} <= set(way["lines"])
    told = archive.unpacked(assets["outpost.bin"])[zlib.crc32(b"/assemble.mpy")]
    assert board["bundle"].encode() in told, "a board tells this id"
    assert "Not a directory." in board["texts"].values()
    zipped = zipfile.ZipFile(io.BytesIO(assets[_firmware(assets)]))
    assert firmware["bundle"].encode() in zipped.read("outpost/assemble.py")
    assert not firmware["texts"], "they stay in the modules"


def test_its_archive_has_what_firmware_freezes(assets, tmp_path):
    zipfile.ZipFile(io.BytesIO(assets[_firmware(assets)])).extractall(tmp_path)
    there = tmp_path / "outpost"
    for line in (there / "manifest.py").read_text().splitlines():
        found = re.fullmatch(r' *(module|package)\("([^"]+)"\)', line)
        if found:
            assert (there / found[2]).exists(), line
    frozen = bundle.merged(ROOT, frozen=True)
    made = next(one for one in frozen if one.name == "services_ftp_server")
    assert (there / "services_ftp_server.py").read_text() == made.text


def test_the_same_tree_makes_the_same_bytes(assets):
    assert release(ROOT) == assets


def test_make_package_writes_it_and_says_how_to_install_it(assets):
    said = subprocess.run(
        [sys.executable, "-m", "outpost.package"], capture_output=True, text=True, cwd=ROOT
    )
    there = {path.name: path.read_bytes() for path in (ROOT / "build/release").iterdir()}
    assert there == assets
    assert "mpremote mip install --target / build/release/package.json" in said.stdout


def test_the_boards_own_mip_installs_it(served, tmp_path, micropython):
    target = tmp_path / "installed"
    where = ("--target", target, "--index", f"{served.url}/index")
    done = subprocess.run(
        [INTERPRETER, "-m", "mip", "install", *where, f"{served.url}/release/package.json"],
        env=os.environ | {"MICROPYPATH": ".frozen"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "Done" in done.stdout, done.stdout + done.stderr
    assert (target / "main.py").read_bytes() == (served.folder / "release/main.py").read_bytes()
    assert "imported" in micropython(IMPORT_ALL, target)


def test_mpremotes_mip_brings_it_onto_a_board_that_then_runs_it(board, mpremote, served, config):
    board.power_off()
    board.write("/config.json", config.read_bytes())
    board.power_on()
    where = ("--target", "/", "--index", f"{served.url}/index")
    said = mpremote("mip", "install", *where, f"{served.url}/release/package.json")
    assert "Done" in said
    board.power_off()
    files = board.files()
    assert files["/main.py"] == (served.folder / "release/main.py").read_bytes()
    # The dependencies follow --target; the root is the first entry of a board's sys.path.
    assert {"/logging.py", "/ntptime.py", "/umqtt/simple.py"} <= set(files)
    printed = len(board.console)
    board.heap = "133wK"  # an ESP32's
    board.power_on()
    # The network starts after the log and before FTP; each is named when it can't.
    board.wait(lambda: b"network/up" in board.console[printed:], "running Outpost")
    for trouble in (b"Traceback", b"Error", b"service/restart"):
        assert trouble not in board.console[printed:]


def test_mpremotes_mip_takes_a_folder_too(board, mpremote, served):
    listed = json.loads((served.folder / "release" / "package.json").read_text())
    few = served.folder / "release" / "few.json"
    few.write_text(json.dumps({"urls": listed["urls"][:3]}))
    assert "Done" in mpremote("mip", "install", "--target", "/", few)
    board.power_off()
    there = {f"/{path}": (few.parent / name).read_bytes() for path, name in listed["urls"][:3]}
    assert board.files() == there
