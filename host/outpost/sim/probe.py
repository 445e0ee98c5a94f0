"""Checks whether an FTP server accepts logins on a port of 127.0.0.1."""

import contextlib
import socket
import threading
from collections.abc import Callable, Generator

_EVERY_S = 0.05  # between two attempts; a refused connection on the loopback costs nothing
_ANSWER_S = 5


class PortInUse(Exception):
    """Another program listens on the board's port."""


def require_free(port: int) -> None:
    """Raise PortInUse if a program already listens on port."""
    with socket.socket() as trial:
        # Like servers, so that lingering connections of an earlier board aren't taken for a
        # server.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUse(
                f"port {port} of 127.0.0.1 can't be used ({error.strerror}): stop what uses it, "
                "or choose another with --ftp-port"
            ) from None


@contextlib.contextmanager
def watching(port: int | None, ready: Callable[[], object]) -> Generator[None]:
    """Within, call ready() from a thread once a server greets with 220; without a port never."""
    over = threading.Event()

    def watch(port: int) -> None:
        if _wait_for_logins(port, over):
            ready()

    if port is None:
        yield
        return
    watcher = threading.Thread(target=watch, args=[port], daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _wait_for_logins(port: int, over: threading.Event) -> bool:
    """Retry until a server greets with 220 (True) or the event `over` is set (False)."""
    while not over.wait(_EVERY_S):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S) as control,
            control.makefile("rb") as replies,
        ):
            greeting = replies.readline(1024)
            control.sendall(b"QUIT\r\n")
            replies.readline(1024)
            if greeting.startswith(b"220"):
                return not over.is_set()
    return False
