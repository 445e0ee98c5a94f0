"""Which boards a push goes to, and how to log in: URLs, a file of boards, one prompt for many."""

import re
from dataclasses import dataclass, replace

from outpost import address as addresses
from outpost.address import Address, AddressError


@dataclass(frozen=True)
class Board:
    """A board to push to; its address has user and password when with_logins() has found them."""

    address: Address
    name: str = ""

    @property
    def place(self):
        """Host and port, which no two boards share."""
        return self.address.host.lower(), self.address.port

    @property
    def label(self):
        """What people call it."""
        return self.name or str(replace(self.address, user=None)).split("/")[2]


def parse_board(url, where, name=""):
    """The Board of a URL; AddressError names `where`, not the URL, in which a password may be."""
    try:
        address = addresses.parse(url)
    except AddressError as error:
        raise AddressError(f"{where}: {error}") from None
    if address.path != "/":
        raise AddressError(f"{where}: must end with the port, for a whole board is updated")
    return Board(address, name)


def read_boards(path):
    """The Boards of a file: one URL a line, then a name if you like; # begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise AddressError(f"{path}: not UTF-8 text") from None
    boards = []
    for number, line in enumerate(lines, 1):
        # A # inside a word belongs to it.
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split(maxsplit=1)
        if words:
            name = words[1].strip() if len(words) > 1 else ""
            boards.append(parse_board(words[0], f"{path}, line {number}", name))
    if not boards:
        raise AddressError(f"{path}: names no board; a line is a URL, and a name if you like")
    return boards


def require_distinct(boards):
    """AddressError where two are the same board: pushes at once would spoil each other."""
    seen = set()
    for board in boards:
        if board.place in seen:
            raise AddressError(f"{replace(board.address, user=None)} is named twice")
        seen.add(board.place)


def with_logins(boards, ask):
    """The same Boards with user and password, wherever outpost.address finds these.

    ask(user, boards) -> password is called once for each user whose password nothing else tells.
    """
    known = [addresses.known_login(board.address) for board in boards]
    missing = {}
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
