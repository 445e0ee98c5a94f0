"""Asks a board for its status over FTP: SITE status, or STAT where the board is too old for it."""

import contextlib
import ftplib
import json
import ssl
from dataclasses import dataclass, field

from outpost.control import ERRORS, Control, said, why
from outpost.status.stat_text import parse

_UNHEALTHY = ("failed", "waiting")  # waiting: for its next start


class Unreachable(Exception):
    """The board can't be asked; the text says why."""


@dataclass
class Answer:
    """What a board said. sections: name -> key -> value; exact: False where STAT rounded them."""

    sections: dict = field(default_factory=dict)
    exact: bool = True

    @property
    def problems(self):
        """What is wrong with it, each in a few words."""
        found = [
            f"{name} {section['state']}"
            + (f": {section['error']}" if section.get("error") else "")
            for name, section in self.sections.items()
            if section.get("state") in _UNHEALTHY
        ]
        reason = self.sections.get("rescue", {}).get("reason")
        return found + ([f"rescue mode: {reason}"] if reason else [])


def ask(address, login, *, cafile=None, timeout=15):
    """The Answer of the board at an Address; Unreachable. timeout: seconds for all of it.

    login: (user, password). cafile: the certificates (PEM) that are trusted where the scheme is
    ftps, None for those of this machine.
    """
    context = ssl.create_default_context(cafile=cafile) if address.secure else None
    control = Control(context=context, timeout=timeout)
    try:
        with _said(address, control, timeout), control.within(timeout):
            control.connect(address.host, address.port)
            control.login(login[0], login[1], secure=address.secure)
            answer = _status(control)
            with contextlib.suppress(EOFError, OSError, ftplib.Error):
                control.sendcmd("QUIT")
            return answer
    finally:
        control.close()


def _refuse(name):
    raise ValueError(f"{name} is no JSON")


def _status(control):
    """By SITE status; by STAT where there is no such command, or a section is no JSON."""
    with contextlib.suppress(ftplib.error_perm):
        sections = _read(control.sendcmd("SITE status"))
        if sections:
            return Answer(sections)
    return Answer(parse(control.sendcmd("STAT")), exact=False)


def _read(reply):
    """The sections of SITE status's reply; None where a line isn't one, or there is none."""
    sections = {}
    for line in reply.splitlines()[:-1]:
        try:
            part = json.loads(line[4:], parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        if not isinstance(part, dict) or not all(isinstance(x, dict) for x in part.values()):
            return None
        sections |= part
    return sections or None


@contextlib.contextmanager
def _said(address, control, timeout):
    """What goes wrong on the way, in words of people."""
    try:
        yield
    except (ftplib.error_perm, ftplib.error_temp) as error:
        raise Unreachable(f"it says: {said(error)}") from None
    except ERRORS as error:
        if control.late or isinstance(error, TimeoutError):
            raise Unreachable(f"no answer within {timeout:.0f} s") from None
        raise Unreachable(why(error, address.host)) from None
