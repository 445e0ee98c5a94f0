"""Real FTP clients against the board: what they send comes back the same."""

import ftplib
import os
import random
import shutil
import subprocess

import pytest
from picow.board import PASSWORD, USER
from picow.network import BOARD

TIMEOUT_S = 120
CONTENT = random.Random(1).randbytes(50_000)


@pytest.fixture
def files(tmp_path):
    """A folder with a binary file and an empty one."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "binary.bin").write_bytes(CONTENT)
    (folder / "empty.txt").write_bytes(b"")
    return folder


@pytest.fixture
def client(board):
    """Run a client: (program, *words, text=None) -> what it printed; skips where it lacks."""

    def run(program, *words, text=None):
        if not shutil.which(program):
            pytest.skip(f"NOT TESTED: {program} is not installed")
        done = subprocess.run(
            [program, *map(str, words)],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def same(folder, back):
    """Whether two folders hold the same files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in back.iterdir()
    }


def test_curl(watch, client, files, tmp_path):
    """Up with a new folder, down again, and a listing."""
    login = f"{USER}:{PASSWORD}"
    url = f"ftp://{BOARD}/curl"
    back = tmp_path / "back"
    back.mkdir()
    for name in ("binary.bin", "empty.txt"):
        curl = ("curl", "-sS", "-u", login, f"{url}/{name}")
        client(*curl, "--ftp-create-dirs", "-T", files / name)
        client(*curl, "-o", back / name)
    # curl writes no file for an empty download.
    (back / "empty.txt").touch()
    assert same(files, back)
    assert "binary.bin" in client("curl", "-sS", "-u", login, f"{url}/")


def test_lftp_mirrors_both_ways(watch, client, files, tmp_path):
    """A mirror up and one down; a second mirror up sends nothing, since the dates are right."""
    back = tmp_path / "back"
    script = [
        *("set net:max-retries 2", "set net:timeout 30", f"open -u {USER},{PASSWORD} {BOARD}"),
        *(f"mirror -R --parallel=1 {files} /mirrored", f"mirror /mirrored {back}"),
        f"mirror -R --verbose {files} /mirrored",
    ]
    said = client("lftp", "-c", "; ".join(script))
    assert same(files, back)
    assert "Transferring" not in said


def test_tnftp(watch, client, files, tmp_path):
    """put, ls and get in one session."""
    back = tmp_path / "back"
    back.mkdir()
    lines = [
        *("binary", f"lcd {files}", "mkdir tnftp", "cd tnftp", "mput *"),
        *("ls", f"lcd {back}", "mget *", "bye"),
    ]
    said = client(
        "tnftp", "-n", "-i", "-p", BOARD, text="\n".join([f"user {USER} {PASSWORD}", *lines, ""])
    )
    assert "binary.bin" in said
    assert same(files, back)


def test_ftplib_in_text_and_binary(watch, ftp, files):
    """TYPE A and TYPE I in one session; APPE adds to the end."""
    session = ftp()
    with open(files / "binary.bin", "rb") as file:
        session.storbinary("STOR /ftplib.bin", file)
    received = bytearray()
    session.retrbinary("RETR /ftplib.bin", received.extend)
    assert bytes(received) == CONTENT
    lines = ["one", "two", ""]
    path = files / "lines.txt"
    path.write_bytes(b"\r\n".join(map(str.encode, lines)))
    for command in ("STOR", "APPE"):
        with open(path, "rb") as file:
            session.storlines(f"{command} /lines.txt", file)
    got = []
    session.retrlines("RETR /lines.txt", got.append)
    assert got == ["one", "two"] * 2
    for name in ("/ftplib.bin", "/lines.txt"):
        session.delete(name)
    with pytest.raises(ftplib.error_perm, match="550"):
        session.size("/ftplib.bin")


def test_mqtt_subscriber_hears_of_a_transfer(station, watch, ftp, files):
    """mosquitto_sub gets the event of an upload, with its size."""
    session = ftp()
    with open(files / "binary.bin", "rb") as file:
        session.storbinary("STOR /heard.bin", file)
    found = station.subscriber.wait_for(
        "event/ftp/transfer", event_type="stored", path="/heard.bin", timeout=60
    )
    assert found.json["bytes"] == os.path.getsize(files / "binary.bin")
    session.delete("/heard.bin")
