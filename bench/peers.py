"""The other FTP servers, each as its authors wrote it."""

import importlib.util
import sys
from pathlib import Path

from bench.servers import HEAP, PASSWORD, USER, HostPaths, Program, compiled, free_ports

_PASSIVE_PORTS = 64


class Peer(HostPaths):
    """A server for MicroPython, as .mpy; folder `source` holds its one module."""

    sessions = 1
    longest_list = 500

    def __init__(self, folder, source, heap=HEAP):
        super().__init__(folder, heap)
        self._source = Path(source)


class FTPdLite(Peer):
    """DavesCodeMusings' FTPdLite; folder `source` holds ftpdlite.py."""

    name = "FTPdLite"

    def command(self, room):
        compiled(self._source / "ftpdlite.py", room)
        low = free_ports(_PASSIVE_PORTS)
        ports = (self.port, low, low + _PASSIVE_PORTS - 1)
        return self.micropython("serve_ftpdlite", room, *ports)


class Uftpd(Peer):
    """robert-hh's uftpd; folder `source` holds uftpd.py."""

    name = "uftpd"

    def command(self, room):
        # Its data port is a constant; others on this machine may use it.
        text = (self._source / "uftpd.py").read_text()
        (room / "uftpd.py").write_text(text.replace("const(13333)", f"const({free_ports(1)})"))
        compiled(room / "uftpd.py", room / "mpy")
        return self.micropython("serve_uftpd", room / "mpy", self.port)


class Pyftpdlib(Program):
    """pyftpdlib on CPython, with sendfile; with FTPS where pyOpenSSL is installed."""

    name = "pyftpdlib"

    def __init__(self, folder, certificate=None):
        super().__init__(folder)
        self._certificate = certificate if importlib.util.find_spec("OpenSSL") else None
        self.secure = self._certificate is not None

    def command(self, room):
        script = Path(__file__).with_name("serve_pyftpdlib.py")
        pem = [self._certificate.pem] if self.secure else []
        return [sys.executable, script, self.port, self.folder, USER, PASSWORD, *pem]
