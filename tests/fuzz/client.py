"""The client of the fuzz rounds: it is impatient, and looks at a whole tree."""

import re
import socket

import ftp_client

PATIENCE_S = 5  # the board is on this machine; it waits three times as long


class Client(ftp_client.Client):
    """A control connection whose lines leave at once, each in a packet of its own."""

    def __init__(self, port):
        super().__init__(port, patience_s=PATIENCE_S)
        assert self.greeting.code == 220, self.greeting
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def at_end(self):
        """True where the board has closed the connection without another word."""
        return self._reader.read() == b""

    def entries(self, folder):
        """{name: type of MLSD, size} of a folder: size None where it is a folder."""
        found = {}
        for line in self.fetch(f"MLSD {folder}").decode().split("\r\n")[:-1]:
            facts, _, name = line.partition(" ")
            size = re.search(r"size=(\d+);", facts)
            found[name] = None if "type=dir" in facts else int(size[1])
        return found

    def tree(self, root):
        """({file: bytes}, {folders}) below root, as paths from there on."""
        files, folders = {}, {"/"}
        waiting = ["/"]
        while waiting:
            folder = waiting.pop()
            for name, size in self.entries(root + folder).items():
                path = folder.rstrip("/") + "/" + name
                if size is None:
                    folders.add(path)
                    waiting.append(path)
                else:
                    files[path] = self.fetch(f"RETR {root}{path}")
                    assert len(files[path]) == size, path
        return files, folders


def connect(port):
    """A data connection to a passive port."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)
