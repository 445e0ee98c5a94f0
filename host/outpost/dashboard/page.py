"""Serves the dashboard's page over HTTP: only the page's files of one folder."""

import contextlib
import functools
import threading
from collections.abc import Generator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from outpost import bundle

_KINDS = (".html", ".css", ".js")
FETCHED = ("mqtt.min.js", "uPlot.iife.min.js", "uPlot.min.css")


class PageError(Exception):
    """The page can't be served; the text says why and what to do."""


def page_folder() -> Path:
    """Return the page's folder. Raises PageError if it or a library is missing."""
    folder = bundle.tree_root() / "dashboard"
    if not (folder / "index.html").is_file():
        raise PageError(f"there is no page in {folder}: run this in a checkout of Outpost")
    for name in FETCHED:
        if not (folder / name).is_file():
            raise PageError(f"{folder / name} is missing: `make page` fetches it, with npm")
    return folder


class _Handler(SimpleHTTPRequestHandler):
    """GET and HEAD of the page's files, never cached, so that a new version is seen at once."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Refuse all files that don't belong to the page; its folder contains others."""
        path = self.path.partition("?")[0]
        if path != "/" and (path.count("/") != 1 or not path.endswith(_KINDS)):
            self.send_error(404)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Add the headers that a <meta> element can't replace, and forbid caching."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: the terminal is for other messages."""


@contextlib.contextmanager
def serving(port: int = 0, host: str = "127.0.0.1") -> Generator[str]:
    """Serve the page while the block runs; yields its URL. port 0: a free one.

    Raises PageError; OSError if the port can't be used.
    """
    handler = functools.partial(_Handler, directory=page_folder())
    with ThreadingHTTPServer((host, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True, name="page")
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
