"""A board over FTP: what lies on it, by which hash, and files and SITE commands to it."""

import contextlib
import ftplib
import hashlib
import re
import socket
import ssl
from dataclasses import dataclass

from outpost.shown import safe

CONNECT_S = 15
ANSWER_S = 30  # for any reply: a board may have to load the command from its flash first
_HASH_BYTES_PER_S = 20_000  # slower than any board hashes
_BLOCK = 8192
# What the host's kernel holds back: it must not tell of progress that the board doesn't know of,
# nor hold more than a slow board takes in while its reply is waited for.
_SEND_BUFFER = 32 * 1024
_UNKNOWN = (500, 502, 504)  # replies to a command that a server doesn't have


class PushError(Exception):
    """What a push to one board can't get past; the text says why, and what to do."""


class Lost(PushError):
    """The connection was lost, or the board was busy: the next attempt may do."""


class Refused(PushError):
    """The board answered with an error. code: of its reply; the text is the board's."""

    def __init__(self, text):
        code, _, said = safe(text).partition(" ")
        super().__init__(said or text)
        self.code = int(code) if code.isdigit() else 0


@dataclass(frozen=True)
class Entry:
    """What a listing tells of a file or a folder: size in bytes, None for folders."""

    size: int | None

    @property
    def is_folder(self):
        return self.size is None


class Session:
    """A control connection to an Address, logged in. Raises PushError, Lost, Refused.

    address: with user and password. context: the ssl.SSLContext where it is secure. Use it in a
    `with` block.
    """

    def __init__(self, address, context=None):
        self._data = None
        self._hashes = False
        if address.secure:
            self._ftp = ftplib.FTP_TLS(context=context, timeout=CONNECT_S)
        else:
            self._ftp = ftplib.FTP(timeout=CONNECT_S)
        try:
            with _told("connecting"):
                self._ftp.connect(address.host, address.port)
                self._ftp.timeout = ANSWER_S
                self._ftp.sock.settimeout(ANSWER_S)
                self._begin(address)
        except BaseException:
            self.close()
            raise

    def _begin(self, address):
        try:
            self._ftp.login(address.user, address.password)
        except ftplib.error_perm as error:
            hint = "; its URL must begin with ftps://" if "AUTH" in str(error) else ""
            said = safe(str(error).splitlines()[0][4:])
            raise PushError(f"login as {address.user}: {said}{hint}") from None
        if address.secure:
            with contextlib.suppress(ftplib.error_perm):  # with tls.data false, data goes in clear
                self._ftp.prot_p()
        with contextlib.suppress(ftplib.Error):
            self._ftp.sendcmd("CLNT outpost push")
        try:
            self._hashes = self._ftp.sendcmd("OPTS HASH SHA-256").split()[1:2] == ["SHA-256"]
        except ftplib.error_perm:
            self._hashes = False
        self._ftp.voidcmd("TYPE I")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Leave; the board sees the end of the connection."""
        self._ftp.close()

    def abort(self):
        """End whatever another thread waits for here: it gets Lost."""
        for sock in (self._ftp.sock, self._data):
            with contextlib.suppress(OSError, AttributeError):
                sock.shutdown(socket.SHUT_RDWR)

    # Looking.

    def entries(self, folder):
        """Path -> Entry of what lies in a folder; empty where there is no such folder."""
        found = {}
        with _told(f"listing {folder}"):
            try:
                # Not retrlines(): it would leave the session in TYPE A.
                with self._ftp.transfercmd(f"MLSD {folder}") as data, data.makefile("rb") as lines:
                    listing = lines.read().decode()
                self._ftp.voidresp()
            except ftplib.error_perm as error:
                if Refused(str(error)).code == 550:
                    return {}
                raise
            except UnicodeDecodeError:
                raise PushError(f"{folder} has names that are not UTF-8") from None
        for line in listing.splitlines():
            facts, _, name = line.partition(" ")
            facts = dict(re.findall(r"([a-z]+)=([^;]*);", facts.lower()))
            path = f"{folder.rstrip('/')}/{name}"
            if facts.get("type") == "dir":
                found[path] = Entry(None)
            elif facts.get("type") == "file":
                found[path] = Entry(int(facts.get("size", 0)))
        return found

    def tree(self, folder):
        """Path -> Entry of all that lies below a folder."""
        found = self.entries(folder)
        for path, entry in list(found.items()):
            if entry.is_folder:
                found |= self.tree(path)
        return found

    def sha256(self, path, size):
        """The SHA-256 of a file, lower-case hex; by reading it where the board has no HASH."""
        with _told(f"hashing {path}"):
            if self._hashes:
                try:
                    with self._patience(size / _HASH_BYTES_PER_S):
                        return self._ftp.sendcmd(f"HASH {path}").split()[3].lower()
                except ftplib.error_perm as error:
                    if Refused(str(error)).code not in _UNKNOWN:
                        raise
                    self._hashes = False
            whole = hashlib.sha256()
            self._ftp.retrbinary(f"RETR {path}", whole.update, _BLOCK)
            return whole.hexdigest()

    # Changing.

    def send(self, path, content, start=0, sent=lambda count: None):
        """Store content under path, from byte start on: what lies before is there already.

        sent(count) is told of each piece that went out.
        """
        with _told(f"sending {path}"):
            # The board begins a file that is resumed with a copy of what it has.
            with self._patience(start / _HASH_BYTES_PER_S):
                self._data = self._ftp.transfercmd(f"STOR {path}", start or None)
            try:
                with self._data as data:
                    self._pour(data, memoryview(content)[start:], sent)
            finally:
                self._data = None
            self._ftp.voidresp()

    def _pour(self, data, content, sent):
        data.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            for at in range(0, len(content), _BLOCK):
                data.sendall(content[at : at + _BLOCK])
                sent(len(content[at : at + _BLOCK]))
            if isinstance(data, ssl.SSLSocket):
                data.unwrap()  # close_notify: without it, the board takes the file for cut off
        except OSError:
            self._ftp.voidresp()  # the board may have said why: then this raises that
            raise

    def make_folder(self, path):
        """Make a folder; one that is there already will do."""
        with contextlib.suppress(Refused), _told(f"making {path}"):
            self._ftp.voidcmd(f"MKD {path}")

    def remove(self, path):
        """Remove a file."""
        with _told(f"removing {path}"):
            self._ftp.voidcmd(f"DELE {path}")

    def site(self, command, patience_s=0):
        """The lines of the answer to a SITE command; patience_s: beyond the usual time."""
        with _told(f"SITE {command}"), self._patience(patience_s):
            lines = self._ftp.sendcmd(f"SITE {command}").splitlines()
        if len(lines) > 1:
            lines.pop()  # what ends a reply of several lines
        return [safe(line[4:]) for line in lines]

    @contextlib.contextmanager
    def _patience(self, seconds):
        """Wait longer than usual for the replies within."""
        self._ftp.sock.settimeout(ANSWER_S + seconds)
        yield
        self._ftp.sock.settimeout(ANSWER_S)


def tls_context(cafiles=()):
    """What checks the boards' certificates: against those files, else the system's authorities."""
    context = ssl.create_default_context()
    for file in cafiles:
        context.load_verify_locations(file)
    # MicroPython has no close_notify to send; the 226 tells that data was whole.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


@contextlib.contextmanager
def _told(doing):
    """Turn what ftplib and sockets raise into PushError, Lost and Refused."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise PushError(
            f"the board's certificate is not trusted: {error.verify_message}; --cafile takes the "
            "file that `outpost deploy --tls` wrote"
        ) from None
    except ssl.SSLError as error:
        raise Lost(f"{doing}: TLS failed ({error.reason or error})") from None
    except TimeoutError:
        raise Lost(f"{doing}: no answer in time") from None
    except ConnectionRefusedError:
        raise Lost(f"{doing}: nobody listens there") from None
    except socket.gaierror as error:
        raise PushError(f"{doing}: there is no host of that name ({error.strerror})") from None
    except (EOFError, OSError) as error:
        why = getattr(error, "strerror", None) or "the connection was closed"
        raise Lost(f"{doing}: {why}") from None
    except (ftplib.error_perm, ftplib.error_temp) as error:
        refused = Refused(str(error).splitlines()[0])
        if isinstance(error, ftplib.error_temp):
            raise Lost(f"{doing}: {refused}") from None
        raise refused from None
    except ftplib.Error as error:
        raise Lost(f"{doing}: not an answer of FTP ({str(error)[:60]!r})") from None
