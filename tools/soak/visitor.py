"""A visitor: logs in at a board, moves files to and fro, checks each, and leaves.

What it has stored it remembers, and looks at again in a later session, behind reboots too.
"""

import contextlib
import ftplib
import io
import random
import re
import socket
import ssl
import struct
import subprocess
import time

USER, PASSWORD = "admin", "secret"
_PATIENCE_S = 30
_FOLDER = "/soak"
_NAMES = 12  # files that are written over and over
_SIZES = (0, 1, 100, 1_000, 1_000, 4_096, 5_000, 20_000)
_STRANGER = "127.0.0.66"  # whose wrong passwords nobody else pays for
# A board that hurries gives up a client that the host keeps waiting: 15 s of its own for a data
# connection and its handshake are 0.2 s.
_TOO_LATE = (ftplib.error_temp, OSError, EOFError)
_PATIENT_TIMES = 10
_PAUSE_S = 1  # before the next try; a minute and more of the board's


class Visitor:
    """Visits a board on a port of 127.0.0.1, again and again. certificate: its path, for FTPS.

    transfers and logins count what the board has confirmed; late the sessions that it gave up
    because this client was too slow for it, and that began again; wrong what came back other than
    it was stored.
    """

    def __init__(self, port, certificate, seed=1):
        self.transfers = self.logins = self.late = self.aborted = self.wrong_passwords = 0
        self.wrong = []
        self._port = port
        self._certificate = certificate
        self._random = random.Random(seed)
        self._files = {}  # path -> content
        self._doubt = None  # (path, old content, new content) while it is being stored

    def visit(self, transfers, secure=False):
        """One session with so many transfers, over TLS or not; another where it came too late."""
        wanted = self.transfers + transfers
        for _ in range(_PATIENT_TIMES):
            try:
                with self._session(secure) as ftp:
                    self.logins += 1
                    self._work(ftp, wanted)
                return
            except _TOO_LATE as error:
                self.late += 1
                trouble = error
                time.sleep(_PAUSE_S)
        raise AssertionError(f"no session came to its end: {trouble!r}")

    def _work(self, ftp, wanted):
        if _FOLDER.lstrip("/") not in ftp.nlst("/"):
            ftp.mkd(_FOLDER)
        self._settle(ftp)
        while self.transfers < wanted:
            self._one(ftp)
        ftp.sendcmd("STAT")
        list(ftp.mlsd(_FOLDER))
        ftp.quit()

    def look_round(self):
        """Everything once, so that whatever is loaded, or learned, at first use has been."""
        self.visit(_NAMES)
        self.visit(1, secure=True)
        self.mistype()
        self.die_in_an_upload()
        with self._session(False) as ftp:
            self.logins += 1
            for command in ("FEAT", "SYST", "SIZE /main.py", "HELP", "SITE free", "HASH /boot.py"):
                ftp.sendcmd(command)
            ftp.retrlines("LIST /", len)
            ftp.storbinary(f"APPE {_FOLDER}/file", io.BytesIO(b"more"))
            self.transfers += 1
            ftp.rename(f"{_FOLDER}/file", f"{_FOLDER}/renamed")
            ftp.delete(f"{_FOLDER}/renamed")
            ftp.quit()

    def mistype(self):
        """A wrong password, from another address."""
        with contextlib.closing(ftplib.FTP(timeout=_PATIENCE_S)) as ftp:
            ftp.connect("127.0.0.1", self._port, source_address=(_STRANGER, 0))
            with contextlib.suppress(ftplib.error_perm):
                ftp.login(USER, "wrong")
                raise AssertionError("a wrong password was taken")
        self.wrong_passwords += 1

    def die_in_an_upload(self):
        """Go in mid-upload, as a client without power does: the old file must stay."""
        path, content = self._random.choice(sorted(self._files.items()))
        with contextlib.suppress(*_TOO_LATE), self._session(False) as ftp:
            self.logins += 1
            ftp.voidcmd("TYPE I")
            data = ftp.transfercmd("STOR " + path)
            data.sendall(content[:700] + b"half of it")
            for sock in (ftp.sock, data):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            self.aborted += 1

    def curl(self):
        """Both ways with curl, which has a session for each."""
        path = f"{_FOLDER}/curl"
        content = self._random.randbytes(3_000)
        url = f"ftp://127.0.0.1:{self._port}{path}"
        common = ["curl", "--silent", "--show-error", "--user", f"{USER}:{PASSWORD}"]
        for more in (["--upload-file", "-", url], [url]):
            done = subprocess.run(
                [*common, *more], input=content, capture_output=True, timeout=_PATIENCE_S
            )
            assert done.returncode == 0, done.stderr
            self.logins += 1
            self.transfers += 1
        self._compare(path, done.stdout, content)
        self._files[path] = content

    def check_all(self):
        """Fetch every file that there must be."""
        with self._session(False) as ftp:
            self.logins += 1
            for path, content in self._files.items():
                self._compare(path, self._fetch(ftp, path), content)
                self.transfers += 1
            ftp.quit()

    def transfers_counted(self):
        """How many transfers the board itself says it has had since its boot, without failures."""
        with self._session(False) as ftp:
            self.logins += 1
            text = ftp.sendcmd("STAT")
            ftp.quit()
        return int(re.search(r"\btransfers (\d+)", text)[1]) - int(
            re.search(r"\bfailed (\d+)", text)[1]
        )

    def reboot(self):
        """SITE shutdown -r."""
        with self._session(False) as ftp:
            self.logins += 1
            ftp.sendcmd("SITE shutdown -r")

    def clean_up(self):
        """Delete everything that was stored."""
        with self._session(False) as ftp:
            self.logins += 1
            for path in self._files:
                ftp.delete(path)
            ftp.rmd(_FOLDER)
            ftp.quit()
        self._files.clear()

    @contextlib.contextmanager
    def _session(self, secure):
        if secure:
            context = ssl.create_default_context(cafile=self._certificate)
            # MicroPython can't send close_notify; each content is compared.
            context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
            ftp = ftplib.FTP_TLS(timeout=_PATIENCE_S, context=context)
        else:
            ftp = ftplib.FTP(timeout=_PATIENCE_S)
        with contextlib.closing(ftp):
            ftp.connect("127.0.0.1", self._port)
            ftp.login(USER, PASSWORD)
            if secure:
                ftp.prot_p()
            yield ftp

    def _one(self, ftp):
        """One transfer, and what may go with it."""
        path = f"{_FOLDER}/{self._random.randrange(_NAMES)}"
        old = self._files.get(path)
        content = self._random.randbytes(self._random.choice(_SIZES))
        act = self._random.choice(["store", "store", "fetch", "fetch", "append", "move", "drop"])
        if old is None or act == "store":
            self._store(ftp, "STOR", path, content, content)
        elif act == "append" and len(old) < 20_000:
            self._store(ftp, "APPE", path, content, old + content)
        else:
            self._compare(path, self._fetch(ftp, path), old)
        self.transfers += 1
        if act == "move" and old is not None:
            target = f"{_FOLDER}/{self._random.randrange(_NAMES)}"
            ftp.rename(path, target)
            self._files[target] = self._files.pop(path)
        elif act == "drop" and old is not None:
            ftp.delete(path)
            del self._files[path]

    def _store(self, ftp, verb, path, content, whole):
        self._doubt = path, self._files.get(path), whole
        ftp.storbinary(f"{verb} {path}", io.BytesIO(content))
        self._files[path] = whole
        self._doubt = None

    def _settle(self, ftp):
        """An upload came to an end that nobody saw: its file is the old or the new one."""
        if not self._doubt:
            return
        path, old, new = self._doubt
        name = path.rpartition("/")[2]
        found = None
        if name in [line.rpartition("/")[2] for line in ftp.nlst(_FOLDER)]:
            found = bytes(self._fetch(ftp, path))
        if found not in (old, new):
            self.wrong.append(f"{path}: {found and len(found)} bytes, neither old nor new")
        self._files.pop(path, None)
        if found is not None:
            self._files[path] = found
        self._doubt = None

    @staticmethod
    def _fetch(ftp, path):
        content = bytearray()
        ftp.retrbinary("RETR " + path, content.extend)
        return content

    def _compare(self, path, found, content):
        if found != content:
            self.wrong.append(f"{path}: {len(found)} bytes in place of {len(content)}")
