"""A control connection to a board that may be anything: bounded replies, waits that end, words."""

import contextlib
import ftplib
import socket
import ssl
import threading
from collections.abc import Generator, Iterable
from pathlib import Path

from outpost.address import Address
from outpost.shown import safe

_LINES = 500  # of a reply: no board says more


class TooLong(ftplib.Error):
    """A reply without end."""


class Control(ftplib.FTP_TLS):
    """ftplib's client, with TLS where it is asked for. late: whether within() has ended it."""

    late = False
    _data: socket.socket | None = None

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """As ftplib's; the data connection is remembered, to be cut too."""
        self._data, size = super().ntransfercmd(cmd, rest)
        return self._data, size

    def getmultiline(self) -> str:
        """A reply; ftplib bounds its lines, this their number."""
        line = self.getline()
        if line[3:4] != "-":
            return line
        lines = [line]
        while len(lines) < _LINES:
            lines.append(self.getline())
            if lines[-1][:3] == line[:3] and lines[-1][3:4] != "-":
                return "\n".join(lines)
        raise TooLong(f"a reply of more than {_LINES} lines: that is no board")

    def cut(self) -> None:
        """End the connections for whoever waits for them; from any thread."""
        for sock in (self.sock, self._data):
            if sock:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Cut the connections, and say so in `late`, where what is done within takes longer."""

        def give_up() -> None:
            self.late = True
            self.cut()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


# What may be raised by a connection, but for the replies 4xx and 5xx.
ERRORS = (OSError, EOFError, ftplib.Error, UnicodeError, ValueError)


class Unreachable(Exception):
    """The board can't be asked; the text says why."""


@contextlib.contextmanager
def session(
    address: Address,
    login: tuple[str | None, str | None],
    *,
    context: ssl.SSLContext | None = None,
    timeout: float = 15,
) -> Generator[Control]:
    """A Control that is logged in at an Address while the block runs; Unreachable, also in it.

    login: (user, password). context: an SSLContext where the scheme is ftps. timeout: seconds
    for all that is done within.
    """
    control = Control(context=context, timeout=timeout)
    try:
        with _said(address, control, timeout), control.within(timeout):
            control.connect(address.host, address.port)
            control.login(login[0] or "", login[1] or "", secure=address.secure)
            yield control
            with contextlib.suppress(*ERRORS):
                control.sendcmd("QUIT")
    finally:
        control.close()


@contextlib.contextmanager
def _said(address: Address, control: Control, timeout: float) -> Generator[None]:
    """What goes wrong on the way, in words of people."""
    try:
        yield
    except (ftplib.error_perm, ftplib.error_temp) as error:
        raise Unreachable(f"it says: {said(error)}") from None
    except ERRORS as error:
        if control.late or isinstance(error, TimeoutError):
            raise Unreachable(f"no answer within {timeout:.0f} s") from None
        raise Unreachable(why(error, address.host)) from None


def tls_context(cafiles: Iterable[Path] = ()) -> ssl.SSLContext:
    """What checks the boards' certificates: against those files, else the system's authorities."""
    context = ssl.create_default_context()
    for file in cafiles:
        context.load_verify_locations(file)
    # MicroPython has no close_notify to send; the 226 tells that data was whole.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def why(error: Exception, host: str) -> str:
    """What one of ERRORS means, in words of people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate can't be trusted: {error.verify_message}; --cafile takes the file "
            "that `outpost deploy --tls` wrote"
        )
    if isinstance(error, socket.gaierror):
        return f"the name {host} is not known"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, EOFError):
        return "it ended the connection"
    return safe(error) if isinstance(error, TooLong) else "it doesn't speak FTP"


def said(error: Exception) -> str:
    """What a reply 4xx or 5xx says, without its code, harmless to a terminal; and what to do."""
    text = safe(str(error).splitlines()[0][4:])
    return text + ("; its URL must begin with ftps://" if "AUTH TLS" in text else "")
