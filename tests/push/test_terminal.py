"""A push as a person sees it: the prompt, a bar for each board, the table."""

import re
import time

import pexpect
import pyte
import pytest

from .conftest import OUTPOST

COLUMNS, LINES = 100, 30
PATIENCE_S = 60


class Terminal:
    """A terminal in which a push runs: what is seen there, and what has been sent to it."""

    def __init__(self, *words):
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.Stream(self._screen)
        self.sent = ""
        self.child = pexpect.spawn(
            str(OUTPOST),
            ["push", *map(str, words)],
            dimensions=(LINES, COLUMNS),
            encoding="utf-8",
        )

    @property
    def lines(self):
        """The screen's lines, without those that are empty."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def wait_for(self, text):
        """Return the line with text once it is on the screen."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for line in self.lines:
                if text in line:
                    return line
            try:
                piece = self.child.read_nonblocking(1024, timeout=1)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
            self.sent += piece
            self._stream.feed(piece)
        raise AssertionError("\n".join([f"never seen: {text}", *self.lines]))

    def end(self):
        """Read to the end; the exit status."""
        self.wait_for("board: 1 ")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


@pytest.fixture
def terminal(monkeypatch, tmp_path):
    """Push in a Terminal, without a password in the environment or in a netrc file."""
    monkeypatch.delenv("OUTPOST_PASSWORD", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    terminals = []

    def begin(*words):
        terminals.append(Terminal(*words))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.child.close(force=True)


def test_a_person_types_the_password_and_sees_how_far_it_is(terminal, app, start_board, tmp_path):
    app.write({"www/film": b"x" * 1_000_000})
    board = start_board()
    names = tmp_path / "boards"
    names.write_text(f"ftp://127.0.0.1:{board.ftp_port} hill-[b]7\n")
    seen = terminal(app, "--boards", names, "--trial", "2")
    assert seen.wait_for("Password of") == "Password of admin (hill-[b]7):"
    seen.child.sendline(board.password)
    line = seen.wait_for("on trial, boot 1")
    assert line.startswith("hill-[b]7 on trial, boot 1 ━━━")
    assert re.search(r"(\d+\.\d)/\1 KiB", line), line
    assert seen.end() == 0
    assert board.password not in seen.sent
    line = seen.wait_for("-> weather+")
    assert line.split()[:3] == ["hill-[b]7", "confirmed", "none"]
    assert "━" not in "".join(seen.lines), "a bar is left"


def test_ctrl_c_at_the_keyboard_tells_how_the_board_is_left(terminal, app, start_board):
    board = start_board()
    seen = terminal(app, f"ftp://127.0.0.1:{board.ftp_port}", "--trial", "600")
    seen.wait_for("Password of")
    seen.child.sendline(board.password)
    seen.wait_for("on trial")
    seen.child.sendcontrol("c")
    seen.wait_for("interrupted: the board confirms the update")
    assert seen.end() == 1
