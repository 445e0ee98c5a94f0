"""A terminal for the pictures of the docs: a command runs in it, and what it shows is drawn."""

import contextlib
import copy
import io
import re
import sys
import time
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).resolve().parents[2] / "docs"

PATIENCE_S = 30


class Terminal:
    """`outpost` with some words on a terminal; the screen is read as it is shown."""

    def __init__(self, words, columns, rows, env=None):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.process = pexpect.spawn(
            str(Path(sys.executable).with_name("outpost")),
            [str(word) for word in words],
            dimensions=(rows, columns),
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8"} | (env or {}),
        )

    def show(self, text):
        """Let it show a line of text, such as the command that was typed."""
        self._stream.feed(f"{text}\r\n".encode())

    def wait_for(self, pattern):
        """Return once the screen shows it."""
        until = time.monotonic() + PATIENCE_S
        while not re.search(pattern, "\n".join(self.screen.display)):
            if time.monotonic() > until:
                sys.exit(f"never seen: {pattern}\n" + "\n".join(self.screen.display))
            with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
                self._stream.feed(self.process.read_nonblocking(65536, timeout=0.2))

    def rows(self):
        """What is there now: a list of cells for each row, down to the last that isn't empty."""
        count = max(row for row, line in enumerate(self.screen.display) if line.strip()) + 1
        columns = range(self.screen.columns)
        lines = (self.screen.buffer[row] for row in range(count))
        return [[copy.copy(line[column]) for column in columns] for line in lines]

    def close(self):
        self.process.close(force=True)


def draw(rows, target, title):
    """Write rows of cells as an SVG picture of a terminal."""
    console = Console(record=True, width=len(rows[0]), file=io.StringIO(), force_terminal=True)
    for row in rows:
        line = Text(no_wrap=True)
        for cell in row:
            colour = {"default": "", "brown": "yellow"}.get(cell.fg, cell.fg)
            if re.fullmatch("[0-9a-f]{6}", colour):
                colour = f"#{colour}"
            line.append(cell.data, f"{'bold ' if cell.bold else ''}{colour}".strip())
        console.print(line, highlight=False)
    console.save_svg(str(target), title=title)
