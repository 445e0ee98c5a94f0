"""The boards of a command line, for status, site and push: URLs, files of URLs, logins."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from ssl import SSLContext
from typing import TypeVar

import click

from outpost import address as addresses
from outpost.address import PASSWORD_VARIABLE, Address, AddressError
from outpost.control import tls_context

_Answer = TypeVar("_Answer")
_Command = TypeVar("_Command", bound=Callable[..., object] | click.Command)
_AT_ONCE = 16
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Board:
    """A board. Its address has user and password after with_logins()."""

    address: Address
    name: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Host and port, which identify the board."""
        return self.address.host.lower(), self.address.port

    @property
    def label(self) -> str:
        """The name to show for this board."""
        return self.name or str(replace(self.address, user=None)).split("/")[2]


def parse_board(url: str, where: str, name: str = "") -> Board:
    """Return the Board of a URL. AddressError names `where`, not the URL with its password."""
    try:
        address = addresses.parse(url)
    except AddressError as error:
        raise AddressError(f"{where}: {error}") from None
    if address.path != "/":
        raise AddressError(f"{where}: must end with the port, for it names a whole board")
    return Board(address, name)


def read_boards(path: Path) -> list[Board]:
    """Return the Boards of a file: one URL per line, then an optional name; # begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise AddressError(f"{path}: not UTF-8 text") from None
    boards: list[Board] = []
    for number, line in enumerate(lines, 1):
        # A # inside a word is part of that word.
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split(maxsplit=1)
        if words:
            name = words[1].strip() if len(words) > 1 else ""
            boards.append(parse_board(words[0], f"{path}, line {number}", name))
    if not boards:
        raise AddressError(f"{path}: names no board; a line is a URL, and a name if you like")
    return boards


def require_distinct(boards: Iterable[Board]) -> None:
    """Raise AddressError if a board is listed twice: parallel work on it would conflict."""
    seen: set[tuple[str, int]] = set()
    for board in boards:
        if board.place in seen:
            raise AddressError(f"{replace(board.address, user=None)} is named twice")
        seen.add(board.place)


def with_logins(
    boards: Iterable[Board], ask: Callable[[str | None, list[Board]], str]
) -> list[Board]:
    """Return the same Boards with user and password, where outpost.address finds them.

    ask(user, boards) -> password is called once for each user without a known password.
    """
    known = [addresses.known_login(board.address) for board in boards]
    missing: dict[str | None, list[Board]] = {}
    for board, (user, password) in zip(boards, known, strict=True):
        if password is None:
            missing.setdefault(user, []).append(board)
    asked = {user: ask(user, theirs) for user, theirs in missing.items()}
    return [
        replace(
            board,
            address=replace(
                board.address, user=user, password=asked[user] if password is None else password
            ),
        )
        for board, (user, password) in zip(boards, known, strict=True)
    ]


def boards_option(command: _Command) -> _Command:
    """Add the option --boards to a command, as `boards_file`: a path or None."""
    return click.option(
        "--boards", "boards_file", type=_FILE,
        help="File of boards: a URL a line, behind it a name if you like; # begins a comment.",
    )(command)  # fmt: skip


def cafile_option(command: _Command) -> _Command:
    """Add the option --cafile to a command, as `cafiles`: paths."""
    return click.option(
        "--cafile", "cafiles", type=_FILE, multiple=True,
        help="Certificates to trust for ftps://, as `outpost deploy --tls` writes them; "
        "may be repeated.",
    )(command)  # fmt: skip


def chosen(urls: Iterable[str], boards_file: Path | None) -> list[Board]:
    """Return the Boards of a command line: those of the file, then those of the URLs.

    Raises AddressError or click.UsageError, also if a board is listed twice.
    """
    boards = read_boards(boards_file) if boards_file else []
    for number, url in enumerate(urls, 1):
        board = parse_board(url, f"URL {number}")
        if board.address.password is not None:
            click.echo(
                f"URL {number}: other users of this computer can read a password there; "
                f"{PASSWORD_VARIABLE}, ~/.netrc and the prompt are safer",
                err=True,
            )
        boards.append(board)
    if not boards:
        raise click.UsageError(
            "no board: name one as ftp://host/, or a file of them with --boards"
        )
    require_distinct(boards)
    return boards


def reached_with(
    boards: list[Board], cafiles: Iterable[Path]
) -> tuple[list[Board], SSLContext | None]:
    """Return (the Boards with their logins, the SSLContext for those of ftps:// or None).

    Raises AddressError, click.UsageError.
    """
    boards = with_logins(boards, _ask)
    return boards, _context(cafiles) if any(board.address.secure for board in boards) else None


def of_command(
    urls: Iterable[str], boards_file: Path | None, cafiles: Iterable[Path]
) -> tuple[list[Board], SSLContext | None]:
    """Call chosen() and reached_with() for a command line. Only raises click.UsageError."""
    try:
        return reached_with(chosen(urls, boards_file), cafiles)
    except AddressError as error:
        raise click.UsageError(str(error)) from None


def each(boards: Sequence[Board], ask: Callable[[Board], _Answer]) -> list[tuple[Board, _Answer]]:
    """Return [(board, ask(board))] in the boards' order; ask runs in parallel, in threads."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(zip(boards, pool.map(ask, boards), strict=True))


def _ask(user: str | None, boards: list[Board]) -> str:
    """Ask for a user's password, once for all boards that need it."""
    if not sys.stdin.isatty():
        raise AddressError(
            f"no password for {user} of {boards[0].label}: set {PASSWORD_VARIABLE}, or write it "
            "into ~/.netrc"
        )
    others = f" and {len(boards) - 1} more" if len(boards) > 1 else ""
    return click.prompt(
        f"Password of {user} ({boards[0].label}{others})", hide_input=True, err=True
    )


def _context(cafiles: Iterable[Path]) -> SSLContext:
    try:
        return tls_context(cafiles)
    except OSError as error:  # includes ssl.SSLError
        raise click.UsageError(f"--cafile: holds no certificate in PEM ({error})") from None
