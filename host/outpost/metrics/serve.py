"""Serves a text over HTTP, only at /metrics, generated anew for each request."""

import contextlib
import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST

_PATIENCE_S = 10  # for a client's request; clients aren't trusted


class _Server(ThreadingHTTPServer):
    def __init__(self, place: tuple[str, int], text: Callable[[], bytes]) -> None:
        super().__init__(place, _Handler)
        self.text = text

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors of clients, such as a closed connection."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_S
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Send the metrics."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "Only /metrics is here")
            return
        body = self.server.text()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: scrapes come every few seconds."""


def serving(
    text: Callable[[], bytes], host: str, port: int
) -> contextlib.AbstractContextManager[str]:
    """Return a context manager that serves text() while its block runs; it yields the URL.

    Raises OSError, at once, if the port can't be used.
    """
    return _running(_Server((host, port), text), host)


@contextlib.contextmanager
def _running(server: _Server, host: str) -> Generator[str]:
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True, name="metrics")
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()
