"""Sends a SITE command to one board over FTP; shows tracebacks in the reply as in the source."""

import ftplib
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from outpost.address import Address
from outpost.bundle.trace import explained, has_place
from outpost.control import ERRORS, Control, Unreachable, said, session
from outpost.status.ask import asked


@dataclass
class Result:
    """The result. lines: the board's reply. error: None, or why there is no reply."""

    lines: list[str] = field(default_factory=list[str])
    error: str | None = None


def run(
    address: Address, command: str, *, context: SSLContext | None, timeout: float, tree: Path
) -> Result:
    """Return the Result of `SITE command` on the board at an Address with user and password.

    tree: the device code whose maps explain tracebacks. timeout: seconds for all of it.
    """
    try:
        with session(
            address, (address.user, address.password), context=context, timeout=timeout
        ) as control:
            try:
                lines = _lines(control.sendcmd(f"SITE {command}"))
            except (ftplib.error_perm, ftplib.error_temp) as error:
                return Result(error=said(error))
            return Result(_of_the_source(lines, control, tree))
    except Unreachable as error:
        return Result(error=f"can't be asked: {error}")


def _lines(reply: str) -> list[str]:
    """Return a reply's lines without their codes, and without a last line that only ends it."""
    lines = reply.splitlines()
    if len(lines) > 1:
        lines.pop()
    code = lines[0][:3]
    return [
        line[4:] if line[:3] == code and line[3:4] in ("-", " ", "") else line for line in lines
    ]


def _of_the_source(lines: list[str], control: Control, tree: Path) -> list[str]:
    """Return the lines with the places of tracebacks as in the source of the board's bundle."""
    text = "\n".join(lines)
    if not has_place(text):
        return lines
    try:
        bundle = asked(control).sections.get("board", {}).get("bundle")
    except ERRORS:
        return lines  # the command was done: show its reply unchanged
    name = bundle if isinstance(bundle, str) else None
    return explained(text, name, tree).split("\n")
