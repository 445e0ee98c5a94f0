"""Which boards a push goes to, and their passwords: URLs, a file of boards, netrc, a prompt."""

import netrc
import os
import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

PASSWORD_VARIABLE = "OUTPOST_PASSWORD"
NETRC_VARIABLE = "NETRC"
_PORT = 21
_USER = "admin"  # the account that Outpost makes by itself
_FORM = "must be ftp://[user@]host[:port]/, or ftps://... for FTP over TLS"


class BoardsError(Exception):
    """What was said of the boards can't be used; the text says where and why, without secrets."""


@dataclass(frozen=True)
class Board:
    """A board to push to. user and password are None until with_passwords() has found them."""

    host: str
    port: int = _PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    name: str = ""

    @property
    def address(self):
        """Host and port, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORT else f"{host}:{self.port}"

    @property
    def label(self):
        """What people call it."""
        return self.name or self.address

    @property
    def url(self):
        """The URL, without a password."""
        user = f"{self.user}@" if self.user else ""
        return f"{'ftps' if self.tls else 'ftp'}://{user}{self.address}/"


def parse_url(text, where, name=""):
    """The Board of a URL; BoardsError names `where`, not the URL, in which a password may be."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BoardsError(f"{where}: host or port is wrong; a URL {_FORM}") from None
    if parts.scheme not in ("ftp", "ftps") or not host:
        raise BoardsError(f"{where}: a URL {_FORM}")
    if port == 0:
        raise BoardsError(f"{where}: a port is a number from 1 to 65535")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BoardsError(
            f"{where}: nothing may stand behind the host and port, for an update is for the whole "
            "board; write / ? # and @ of a password as %2F %3F %23 and %40"
        )
    words = [None if word is None else unquote(word) for word in (parts.username, parts.password)]
    if any(word and re.search(r"[\x00-\x1f\x7f]", word) for word in words):
        raise BoardsError(f"{where}: user and password must have no control characters")
    user, password = words[0] or None, words[1]
    return Board(host, port or _PORT, user, password, parts.scheme == "ftps", name)


def read_boards(path):
    """The Boards of a file: one URL a line, then a name if you like; # begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise BoardsError(f"{path}: not UTF-8 text") from None
    boards = []
    for number, line in enumerate(lines, 1):
        # A # inside a word belongs to it.
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split(maxsplit=1)
        if words:
            name = words[1].strip() if len(words) > 1 else ""
            boards.append(parse_url(words[0], f"{path}, line {number}", name))
    if not boards:
        raise BoardsError(f"{path}: names no board; each line is a URL, which {_FORM}")
    return boards


def require_distinct(boards):
    """BoardsError where two are the same board: two pushes at once would spoil each other."""
    seen = {}
    for board in boards:
        other = seen.setdefault((board.host.lower(), board.port), board)
        if other is not board:
            raise BoardsError(f"{board.address} is named twice")


def with_passwords(boards, ask, environ=os.environ):
    """The same Boards with user and password: of the URL, else the environment, netrc, a prompt.

    ask(user, boards) -> password is called once for each user whose password nothing else tells.
    """
    entries = _netrc(environ)
    found = [_known(board, environ.get(PASSWORD_VARIABLE), entries) for board in boards]
    missing = {}
    for board in found:
        if board.password is None:
            missing.setdefault(board.user, []).append(board)
    asked = {user: ask(user, of_user) for user, of_user in missing.items()}
    return [
        replace(board, password=asked[board.user]) if board.password is None else board
        for board in found
    ]


def _known(board, from_environment, entries):
    """The board with its user, and with its password where nobody has to be asked."""
    login, _, password = entries.get(board.host) or (None, None, None)
    if login is None and board.user:  # netrc's default entry is for whom it names
        login, _, password = entries.get("default") or (None, None, None)
    user = board.user or login or _USER
    if board.password is not None:
        return replace(board, user=user)
    if from_environment is not None:
        return replace(board, user=user, password=from_environment)
    return replace(board, user=user, password=password if login == user else None)


def _netrc(environ):
    """Host -> (login, account, password) of ~/.netrc, or of the file that NETRC names."""
    given = environ.get(NETRC_VARIABLE)
    try:
        # Of the usual file Python checks that nobody else can read it, where passwords stand in.
        return netrc.netrc(given).hosts
    except FileNotFoundError:
        if given:
            raise BoardsError(f"{NETRC_VARIABLE} names {given}, which is not there") from None
        return {}
    except netrc.NetrcParseError as error:
        # Its text may quote a password.
        line = f", near line {error.lineno}" if error.lineno else ""
        raise BoardsError(
            f"{error.filename or '~/.netrc'}{line}: can't be used as a netrc file; it must be "
            "yours, be readable by you alone, and have `machine HOST login USER password ...`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BoardsError(f"the netrc file can't be read: {type(error).__name__}") from None
