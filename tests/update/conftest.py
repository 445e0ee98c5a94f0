"""What the update's tests share: a board, versions for it, and what SITE UPDATE says of them."""

import contextlib
import ftplib
import hashlib
import io
import json
import posixpath
import time

import pytest
from fixtures_sim import desk
from outpost.sim.flash import Flash

PATIENCE_S = 60
TRIAL_S = 3


class Updater:
    """A board that is given versions. board: a DeskBoard that runs."""

    def __init__(self, board):
        self.board = board
        self.session = board.ftp()

    def site(self, text):
        """What SITE UPDATE answers; ftplib.Error where it refuses."""
        return self.session.sendcmd("SITE UPDATE " + text)

    def refusal(self, text):
        """What SITE UPDATE says when it refuses."""
        with pytest.raises(ftplib.error_perm) as refused:
            self.site(text)
        return str(refused.value)

    def put(self, path, content):
        """Upload, with the folders that it takes."""
        folder = posixpath.dirname(path)
        made = ""
        for name in folder.strip("/").split("/"):
            made += "/" + name
            with contextlib.suppress(ftplib.error_perm):
                self.session.mkd(made)
        self.session.storbinary("STOR " + path, io.BytesIO(content))

    def stage(self, staged, remove=(), version="2.0", **more):
        """Upload a version: staged is path -> bytes, more what else the manifest says."""
        for path, content in staged.items():
            self.put("/next" + path, content)
        hashes = {path: hashlib.sha256(content).hexdigest() for path, content in staged.items()}
        manifest = {"version": version, "files": hashes, "remove": list(remove)}
        manifest |= {"trial_s": TRIAL_S} | more
        self.put("/next/manifest.json", json.dumps(manifest, ensure_ascii=False).encode())

    def apply(self):
        """SITE UPDATE APPLY; what it answered. The board is on its way down then."""
        answer = self.site("APPLY")
        self.session.close()
        return answer

    def status(self):
        """SITE UPDATE STATUS as a dict; a new session where the last one has gone."""
        for _ in range(2):
            try:
                lines = self.site("STATUS").splitlines()[:-1]
                return dict(line.removeprefix("211-").split(" ", 1) for line in lines)
            except (OSError, EOFError, AttributeError, ftplib.Error):
                with contextlib.suppress(OSError, EOFError, ftplib.Error):
                    self.session = self.board.ftp()
        return {}

    def wait_for(self, *states, patience=PATIENCE_S):
        """The status once it is one of the states; AssertionError in the end."""
        deadline = time.monotonic() + patience
        found = {}
        while time.monotonic() < deadline:
            found = self.status() or found
            if found.get("state") in states:
                return found
            time.sleep(0.2)
        raise AssertionError(f"never {states}: {found}\n{self.board.console[-3000:]}")

    def get(self, path):
        """A file of the board, None where there is none."""
        pieces = []
        try:
            self.session.retrbinary("RETR " + path, pieces.append)
        except ftplib.error_perm:
            return None
        return b"".join(pieces)

    def names(self, path="/"):
        """What lies in a folder."""
        return {posixpath.basename(name) for name in self.session.nlst(path)}


@pytest.fixture(scope="module")
def updater(tmp_path_factory):
    """An Updater around a board that all tests of a module share."""
    with desk(tmp_path_factory.mktemp("update")) as start:
        yield Updater(start())


def content_of(image):
    """Every file of a board that is off: path -> bytes; without its log and boot record."""
    with Flash(image) as flash:
        return {
            path: flash.read(path)
            for path in flash.paths()
            if not path.startswith(("/log/", "/boot.json"))
        }
