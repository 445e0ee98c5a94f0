"""Asks a board for its status over FTP: SITE status, or STAT where the board is too old for it."""

import contextlib
import ftplib
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field

from outpost.shown import safe
from outpost.status.stat_text import parse

_LINES = 500  # of a reply: no board says more
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


class _Control(ftplib.FTP_TLS):
    """A control connection whose replies are bounded: their lines by ftplib, their number here."""

    def getmultiline(self):
        line = self.getline()
        if line[3:4] != "-":
            return line
        lines = [line]
        while len(lines) < _LINES:
            lines.append(self.getline())
            if lines[-1][:3] == line[:3] and lines[-1][3:4] != "-":
                return "\n".join(lines)
        raise Unreachable(f"a reply of more than {_LINES} lines: that is no board")


def ask(address, login, *, cafile=None, timeout=15):
    """The Answer of the board at an Address; Unreachable. timeout: seconds for all of it.

    login: (user, password). cafile: the certificates (PEM) that are trusted where the scheme is
    ftps, None for those of this machine.
    """
    context = ssl.create_default_context(cafile=cafile) if address.secure else None
    control = _Control(context=context, timeout=timeout)
    late = threading.Event()

    def give_up():
        late.set()
        with contextlib.suppress(OSError, AttributeError):
            control.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout, give_up)
    timer.daemon = True
    timer.start()
    try:
        with _said(address, late, timeout):
            control.connect(address.host, address.port)
            control.login(login[0], login[1], secure=address.secure)
            answer = _status(control)
            with contextlib.suppress(EOFError, OSError, ftplib.Error):
                control.sendcmd("QUIT")
            return answer
    finally:
        timer.cancel()
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
def _said(address, late, timeout):
    """What goes wrong on the way, in words of people."""
    try:
        yield
    except (ftplib.error_perm, ftplib.error_temp) as error:
        said = safe(str(error).splitlines()[0][4:])
        hint = "; its URL must begin with ftps://" if "AUTH TLS" in said else ""
        raise Unreachable(f"it says: {said}{hint}") from None
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"its certificate can't be trusted: {error.verify_message}; --cafile takes the file "
            "that `outpost deploy --tls` wrote"
        ) from None
    except (OSError, EOFError, ftplib.Error, UnicodeDecodeError, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise Unreachable(f"no answer within {timeout:.0f} s") from None
        if isinstance(error, socket.gaierror):
            raise Unreachable(f"the name {address.host} is not known") from None
        if isinstance(error, ssl.SSLError):
            raise Unreachable(f"no TLS: {error.reason or error}") from None
        if isinstance(error, OSError):
            raise Unreachable(error.strerror or str(error)) from None
        if isinstance(error, EOFError):
            raise Unreachable("it ended the connection") from None
        raise Unreachable("it doesn't speak FTP") from None
