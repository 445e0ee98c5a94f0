"""A board over FTP: lists and hashes its files, sends files and SITE commands."""

import contextlib
import ftplib
import hashlib
import re
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Self

from outpost.address import Address
from outpost.control import ERRORS, Control, said, why
from outpost.shown import safe

CONNECT_S = 15
ANSWER_S = 30  # for any reply: a board may first have to load the command from flash
_HASH_BYTES_PER_S = 20_000  # slower than any board hashes or copies
_MOVED_BYTES_PER_S = 500  # slower than any useful network
_BLOCK = 8192
# Small, so that the progress is not far ahead of the board, and so that a slow board can receive
# the buffered data before the time-out for its reply.
_SEND_BUFFER = 32 * 1024
# Limits for a listing and a tree; no board has more.
_LISTING_BYTES = 1024 * 1024
_DEPTH = 16
_MISSING = 550
_UNKNOWN = (500, 502, 504)  # replies to a command that a server doesn't have


class PushError(Exception):
    """The push to one board failed; the text says why, and what to do."""


class Lost(PushError):
    """The connection was lost, or the board was busy: a retry may succeed."""


class Busy(Lost):
    """The board replied 4xx: it can't at the moment, usually for lack of memory."""


class Refused(PushError):
    """The board replied 5xx. code: of that reply; the text is the board's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(said(error))
        self.code = int(str(error)[:3])


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listing: size in bytes, None for folders."""

    size: int | None

    @property
    def is_folder(self) -> bool:
        return self.size is None


class Session:
    """A control connection to an Address, logged in. Raises PushError, Lost, Refused.

    address: with user and password. context: the ssl.SSLContext if it is secure. Every wait has a
    time-out. Use it in a `with` block. user: the name that it is logged in with.
    """

    def __init__(self, address: Address, context: ssl.SSLContext | None = None) -> None:
        self.user = address.user
        self._address = address
        self._ftp = Control(context=context, timeout=CONNECT_S)
        self._hashes = True  # until the board replies that it has no HASH
        try:
            with self._doing("connecting", 2 * CONNECT_S):
                self._ftp.connect(address.host, address.port)
            self._ftp.timeout = ANSWER_S
            assert self._ftp.sock  # it is connected
            self._ftp.sock.settimeout(None)  # from now on, _doing() limits the time
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        address, ftp = self._address, self._ftp
        try:
            with self._doing("login"):
                ftp.login(address.user or "", address.password or "", secure=address.secure)
        except Refused as refused:
            raise PushError(f"login as {address.user}: {refused}") from None
        with self._doing("login"):
            if address.secure:
                with contextlib.suppress(ftplib.error_perm):  # tls.data false: data goes in clear
                    ftp.prot_p()
            # Send no CLNT and no OPTS: the board keeps the modules of rare commands loaded until
            # the last session has ended, and an update needs the heap.
            ftp.voidcmd("TYPE I")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, without QUIT."""
        self._ftp.close()

    def abort(self) -> None:
        """Interrupt another thread's wait; it gets Lost."""
        self._ftp.cut()

    # Reading.

    def entries(self, folder: str) -> dict[str, Entry]:
        """Return path -> Entry of a folder's contents; empty if there is no such folder."""
        try:
            with self._doing(f"listing {folder}", _LISTING_BYTES / _MOVED_BYTES_PER_S):
                # Not retrlines(), which would leave the session in TYPE A.
                with self._ftp.transfercmd(f"MLSD {folder}") as data, data.makefile("rb") as lines:
                    listing = lines.read(_LISTING_BYTES).decode()
                self._ftp.voidresp()
        except Refused as refused:
            if refused.code == _MISSING:
                return {}
            raise
        found: dict[str, Entry] = {}
        for line in listing.splitlines():
            told, _, name = line.partition(" ")
            facts = dict(re.findall(r"([a-z]+)=([^;]*);", told.lower()))
            if facts.get("type") == "dir":
                found[f"{folder.rstrip('/')}/{name}"] = Entry(None)
            elif facts.get("type") == "file":
                found[f"{folder.rstrip('/')}/{name}"] = Entry(int(facts.get("size", 0)))
        return found

    def tree(self, folder: str) -> dict[str, Entry]:
        """Return path -> Entry of everything below a folder."""
        if folder.count("/") > _DEPTH:
            raise PushError(f"{folder}: folders lie too deep")
        found = self.entries(folder)
        for path, entry in list(found.items()):
            if entry.is_folder:
                found |= self.tree(path)
        return found

    def sha256(self, path: str, size: int) -> str:
        """Return the SHA-256 of a file of `size` bytes in hex; without HASH, read the file."""
        if self._hashes:
            try:
                with self._doing(f"hashing {path}", ANSWER_S + size / _HASH_BYTES_PER_S):
                    _, algorithm, _, digest, *_ = self._ftp.sendcmd(f"HASH {path}").split()
                if algorithm == "SHA-256":  # Outpost's default, unless a user has chosen another
                    return digest.lower()
                self._hashes = False
            except Refused as refused:
                if refused.code not in _UNKNOWN:
                    raise
                self._hashes = False
        whole = hashlib.sha256()
        with self._doing(f"reading {path}", ANSWER_S + size / _MOVED_BYTES_PER_S):
            self._ftp.retrbinary(f"RETR {path}", whole.update, _BLOCK)
        return whole.hexdigest()

    # Writing.

    def send(
        self,
        path: str,
        content: bytes,
        start: int = 0,
        sent: Callable[[int], object] = lambda count: None,
    ) -> None:
        """Store content under path, from byte start on: the bytes before it are already there.

        sent(count) is called after each piece.
        """
        # The board begins a resumed file with a copy of what it has, which takes time.
        limit_s = start / _HASH_BYTES_PER_S + (len(content) - start) / _MOVED_BYTES_PER_S
        with self._doing(f"sending {path}", ANSWER_S + limit_s):
            with self._ftp.transfercmd(f"STOR {path}", start or None) as data:
                self._pour(data, memoryview(content)[start:], sent)
            self._ftp.voidresp()

    def _pour(
        self, data: socket.socket, content: memoryview, sent: Callable[[int], object]
    ) -> None:
        data.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            for at in range(0, len(content), _BLOCK):
                data.sendall(content[at : at + _BLOCK])
                sent(len(content[at : at + _BLOCK]))
            if isinstance(data, ssl.SSLSocket):
                data.unwrap()  # close_notify: without it, the board discards the upload
        except OSError:
            self._ftp.voidresp()  # if the board replied with a reason, this raises it
            raise

    def make_folder(self, path: str) -> None:
        """Create a folder; does nothing if it exists."""
        with contextlib.suppress(Refused), self._doing(f"making {path}"):
            self._ftp.voidcmd(f"MKD {path}")

    def remove(self, path: str) -> None:
        """Delete a file."""
        with self._doing(f"removing {path}"):
            self._ftp.voidcmd(f"DELE {path}")

    def site(self, command: str, patience_s: float = 0) -> list[str]:
        """Return the lines of the reply to a SITE command; patience_s: beyond the usual time."""
        with self._doing(f"SITE {command}", ANSWER_S + patience_s):
            lines = self._ftp.sendcmd(f"SITE {command}").splitlines()
        if len(lines) > 1:
            lines.pop()  # the last line of a multi-line reply
        return [safe(line[4:]) for line in lines]

    @contextlib.contextmanager
    def _doing(self, what: str, limit_s: float = ANSWER_S) -> Generator[None]:
        """Limit the time of the block; convert its exceptions to PushError, Lost or Refused."""
        try:
            with self._ftp.within(limit_s):
                yield
        except ftplib.error_perm as error:
            raise Refused(error) from None
        except ftplib.error_temp as error:
            raise Busy(f"{what}: {said(error)}") from None
        except (ssl.SSLCertVerificationError, socket.gaierror) as error:
            raise PushError(f"{what}: {why(error, self._address.host)}") from None
        except ERRORS as error:
            told = "no answer in time" if self._ftp.late else why(error, self._address.host)
            raise Lost(f"{what}: {told}") from None
