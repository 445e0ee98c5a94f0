"""The board of a fuzzed conversation: its users, its files, and who looks after them."""

import os
import time

from fixtures_sim import PASSWORD
from ftp_client import passive_port
from fuzz.client import PATIENCE_S, Client, connect

USERS = {
    "admin": {"password": PASSWORD, "role": "admin", "root": "/"},
    "fuzz": {"password": "fuzz", "role": "write", "root": "/jail"},
}
OUTSIDE = {"/outside/file": b"not to be touched", "/jailed": b"beside the root, almost inside"}

# What a configuration that has proven itself leaves, when it is so far.
LIFE = {"config.last", "config.ready"}


class Board:
    """The board, the innocent session and an admin who cleans up behind each example."""

    def __init__(self, desk_board, anytime):
        self.desk = desk_board
        self.port = desk_board.ftp_port
        self.anytime = anytime
        self.admin = Client(self.port).login("admin", PASSWORD)
        assert self.admin.ask("MKD /jail").code == 257
        assert self.admin.ask("MKD /outside").code == 257
        assert self.admin.ask("TYPE I").code == 200
        for path, content in OUTSIDE.items():
            port = passive_port(self.admin.ask("EPSV"))
            with connect(port) as sock:
                assert self.admin.ask(f"STOR {path}").code == 150
                sock.sendall(content)
            assert self.admin.reply().code == 226
        self.innocent = Client(self.port).login("fuzz", "fuzz")
        self.names = set(self.admin.entries("/"))
        self.descriptors = self.count()
        self.failed = False

    def clear(self):
        """Nothing in the user's root, whatever has become of the example before."""
        if self.failed:
            self.admin.close()
            self.innocent.close()
            self.admin = Client(self.port).login("admin", PASSWORD)
            self.innocent = Client(self.port).login("fuzz", "fuzz")
            self.settled()  # its transfers have ended
            assert self.admin.ask("TYPE I").code == 200
        self.failed = True
        self.wipe()

    def count(self):
        """How many descriptors the interpreter has open."""
        return len(os.listdir(f"/proc/{self.desk.pid}/fd"))

    def settled(self):
        """Wait until nothing is open that was not in the beginning."""
        deadline = time.monotonic() + PATIENCE_S
        while (count := self.count()) != self.descriptors:
            assert time.monotonic() < deadline, f"{count} descriptors, not {self.descriptors}"
            time.sleep(0.002)

    def wipe(self, folder="/jail"):
        """Remove all that is below a folder."""
        for name, size in self.admin.entries(folder).items():
            path = f"{folder}/{name}"
            if size is None:
                self.wipe(path)
                assert self.admin.ask(f"RMD {path}").code == 250
            else:
                assert self.admin.ask(f"DELE {path}").code == 250

    def check_outside(self):
        assert set(self.admin.entries("/")) - LIFE == self.names - LIFE
        for path, content in OUTSIDE.items():
            assert self.admin.fetch(f"RETR {path}") == content
