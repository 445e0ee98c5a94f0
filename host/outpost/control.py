"""A control connection to a board, or to any server: bounded replies, time-outs, messages."""

import contextlib
import ftplib
import socket
import ssl
import threading
from collections.abc import Generator, Iterable
from pathlib import Path

from outpost.address import Address
from outpost.shown import safe

_LINES = 500  # of a reply; no board sends more


class TooLong(ftplib.Error):
    """A reply with too many lines."""


class Control(ftplib.FTP_TLS):
    """ftplib's client, with optional TLS. late: whether within() has ended it."""

    late = False
    _data: socket.socket | None = None

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Like ftplib's, but remembers the data connection, so that cut() can end it."""
        self._data, size = super().ntransfercmd(cmd, rest)
        return self._data, size

    def getmultiline(self) -> str:
        """Read a reply. ftplib limits the length of lines, this limits their number."""
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
        """End both connections, so that waiting threads go on. Call it from any thread."""
        for sock in (self.sock, self._data):
            if sock:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Cut the connections and set `late` if the block takes longer than `seconds`."""

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


# The exceptions of a connection, except the replies 4xx and 5xx.
ERRORS = (OSError, EOFError, ftplib.Error, UnicodeError, ValueError)


class Unreachable(Exception):
    """The board can't be reached or queried; the text says why."""


@contextlib.contextmanager
def session(
    address: Address,
    login: tuple[str | None, str | None],
    *,
    context: ssl.SSLContext | None = None,
    timeout: float = 15,
) -> Generator[Control]:
    """Yield a Control that is logged in at an Address. Raises Unreachable, also from the block.

    login: (user, password). context: an SSLContext if the scheme is ftps. timeout: seconds for the
    whole block.
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
    """Convert what is raised in the block to Unreachable, with a text for people."""
    try:
        yield
    except (ftplib.error_perm, ftplib.error_temp) as error:
        raise Unreachable(f"it says: {said(error)}") from None
    except ERRORS as error:
        if control.late or isinstance(error, TimeoutError):
            raise Unreachable(f"no answer within {timeout:.0f} s") from None
        raise Unreachable(why(error, address.host)) from None


def tls_context(cafiles: Iterable[Path] = ()) -> ssl.SSLContext:
    """Return an SSLContext that trusts the certificates in those files, else the system's CAs."""
    context = ssl.create_default_context()
    for file in cafiles:
        context.load_verify_locations(file)
    # MicroPython can't send close_notify; the 226 shows that the data is complete.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def why(error: Exception, host: str) -> str:
    """Return what one of ERRORS means, as text for people."""
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
    """Return the text of a 4xx or 5xx reply, safe for a terminal, without code; and what to do."""
    text = safe(str(error).splitlines()[0][4:])
    return text + ("; its URL must begin with ftps://" if "AUTH TLS" in text else "")
