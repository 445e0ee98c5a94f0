"""From 0.1.0 to this version and back, by push: a board keeps its files, users and settings.

0.1.0 is the tree of that day, out of this repository's history, with its own simulator and push.
"""

import contextlib
import ftplib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from fixtures_sim import Command
from outpost import bundle
from outpost.push.content import outpost_number

TREE = bundle.tree_root()
FIRST = "8c5198c"  # the last commit of 0.1.0, whose modules were a file each
OUTPOST = Path(sys.executable).with_name("outpost")
OLD = "from outpost.cli import main; main()"
PATIENCE_S = 60
CONFIG = {
    "name": "mast",
    "ftp": {
        "users": {
            "admin": {"password": "secret", "role": "admin"},
            "reader": {"password": "look", "role": "read", "root": "/data"},
        }
    },
    "log": {"level": "WARNING"},
    "time": None,
}
CONTENT = bytes(range(256)) * 20


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The folder of 0.1.0, with the packages of the present one."""
    archive = subprocess.run(["git", "archive", FIRST], cwd=TREE, capture_output=True)
    if archive.returncode:
        pytest.skip(f"NOT TESTED: an upgrade from 0.1.0, for want of {FIRST} in the history")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    (folder / "build").mkdir()
    (folder / "build" / "lib").symlink_to(TREE / "build" / "lib")
    return folder


def environment(folder):
    return os.environ | {"PYTHONPATH": str(folder / "host"), "OUTPOST_PASSWORD": "secret"}


class Board:
    """A board that was deployed by 0.1.0, in the simulator of that time."""

    def __init__(self, old, folder, port):
        self.port = port
        (folder / "config.json").write_text(json.dumps(CONFIG))
        command = [sys.executable, "-c", OLD, "sim", "--ftp-port", port]
        command += ["--flash", folder / "flash", "--config", folder / "config.json"]
        command += ["--clock", "real", "--passive", "41000-41015"]
        self.sim = Command(command, cwd=old, env=environment(old))

    @contextlib.contextmanager
    def session(self, user="admin", password="secret"):
        with ftplib.FTP() as ftp:
            ftp.connect("127.0.0.1", self.port, PATIENCE_S)
            ftp.login(user, password)
            yield ftp


@pytest.fixture
def board(old, tmp_path, free_port):
    board = Board(old, tmp_path, free_port())
    try:
        board.sim.wait_for("\nFTP ready", PATIENCE_S)
        yield board
    finally:
        try:
            board.sim.end(signal.SIGTERM, PATIENCE_S)
        finally:
            board.sim.kill()
            print(board.sim.output[-4000:])


def push(board, *options, old=None):
    """Push this version, or the one in the folder `old` by its own tool; the report."""
    url = f"ftp://admin@127.0.0.1:{board.port}"
    tool = [sys.executable, "-c", OLD] if old else [OUTPOST]
    source = [old] if old else []
    run = subprocess.run(
        [*tool, "push", "--json", "--trial", "3", *options, *source, url],
        cwd=old or TREE,
        env=environment(old or TREE),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)["boards"][0]


def fetched(board, path, **login):
    content = io.BytesIO()
    with board.session(**login) as ftp:
        ftp.retrbinary(f"RETR {path}", content.write)
    return content.getvalue()


def test_to_this_version_and_back(board, old):
    with board.session() as ftp:
        ftp.mkd("/data")
        ftp.storbinary("STOR /data/record", io.BytesIO(CONTENT))
        ftp.sendcmd("MFMT 20260102030405 /data/record")

    def holds(version):
        with board.session() as ftp:
            assert f"Outpost {version} " in ftp.sendcmd("STAT")
            assert ftp.sendcmd("MDTM /data/record") == "213 20260102030405"
        assert json.loads(fetched(board, "/config.json"))["name"] == "mast"
        assert fetched(board, "/record", user="reader", password="look") == CONTENT

    holds("0.1.0")
    up = push(board)
    assert up["result"] == "confirmed"
    assert any("--include-boot" in note for note in up["notes"])
    holds(outpost_number(TREE))
    assert push(board, "--include-boot")["result"] == "confirmed"
    holds(outpost_number(TREE))
    assert push(board, "--include-boot", old=old)["result"] == "confirmed"
    holds("0.1.0")
    assert push(board, "--include-boot")["result"] == "confirmed"
    holds(outpost_number(TREE))
    with board.session() as ftp:
        assert not [name for name in ftp.nlst("/") if name in ("services", "supervisor.mpy")]
