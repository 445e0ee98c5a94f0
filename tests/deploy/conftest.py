"""A board at a serial port: the real interpreter, its REPL, a LittleFS flash, a cable to pull."""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import termios
import threading
import time
import tty
from pathlib import Path

import pytest
from fixtures_tree import fill
from outpost import bundle
from outpost.sim.boards import BOARDS
from outpost.sim.flash import Flash

ROOT = Path(__file__).parents[2]
BOARD_MODULES = ROOT / "host" / "outpost" / "sim" / "board"
INTERPRETER = Path(sys.executable).with_name("micropython")
OUTPOST = Path(sys.executable).with_name("outpost")
TIMEOUT_S = 100

# What firmware does: mount, boot.py, main.py, and the REPL (option -i) when main.py has ended.
DESK = BOARDS["desk"]
FIRMWARE = """
import gc, os, sys, vfs
import machine
from _flash import Flash
from _host import settings
flash = Flash(settings.pop("flash"), settings.pop("cut_at"))
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(flash), "/")
sys.path[:] = ("", ".frozen", "/lib")
sys.argv[:] = ()
gc.collect()
for path in ("/boot.py", "/main.py"):
    try:
        os.stat(path)
    except OSError:
        continue
    execfile(path)
"""
_PENDING = 65536  # bytes of console text kept for a host that does not read


class SerialBoard:
    """A board with its REPL at `port`, a serial device which a reset takes away for a moment.

    image: its flash, to be looked at with files() while the power is off. resets and cuts count
    what has happened; writes: of the flash, by the life before the last reset. console: all that
    it printed; typed: all that it was sent. delay_s: how long each piece of that takes.
    """

    def __init__(self, image, port):
        self.image = image
        self.port = port
        self.resets = self.cuts = self.writes = 0
        self.console = b""
        self.typed = b""
        self.delay_s = 0
        self.heap = "96wK"
        self._cut_at = 0
        self._off = None
        self._thread = None
        self._changed = threading.Condition()

    def power_on(self, cut_at=0):
        """Start it; cut_at: the flash write at which the power fails, to come back at once."""
        self._cut_at = cut_at
        self._off = os.pipe()
        plugged = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[plugged])
        self._thread.start()
        assert plugged.wait(10)

    def power_off(self):
        """Pull the plug."""
        if self._thread:
            os.close(self._off[1])
            self._thread.join()
            os.close(self._off[0])
            self._thread = None

    def wait(self, condition, what):
        """Wait until condition() holds; it is tried whenever the board prints or resets."""
        with self._changed:
            assert self._changed.wait_for(condition, 20), (
                f"not {what}\n{self.console.decode(errors='replace')}"
            )

    def files(self, image=None):
        """Path -> content, with the power off; or of another image, such as image_at_cut."""
        assert image or self._thread is None
        with Flash(image or self.image) as flash:
            return {path: flash.read(path) for path in flash.paths()}

    @property
    def image_at_cut(self):
        """The flash as the last power cut left it."""
        return self.image.with_suffix(".cut")

    def write(self, path, content):
        """Put a file onto the flash, with the power off."""
        assert self._thread is None
        with Flash(self.image) as flash:
            flash.write(path, content)

    def _run(self, plugged):
        """Life after life, until the plug is pulled."""
        while True:
            outcome = self._life(plugged)
            if outcome == "cut":
                shutil.copy(self.image, self.image_at_cut)
            with self._changed:
                if outcome == "cut":
                    self.cuts += 1
                elif outcome == "reset":
                    self.resets += 1
                else:
                    return
                self._cut_at = 0
                self._changed.notify_all()

    def _life(self, plugged):
        with contextlib.ExitStack() as stack:
            wire, wire_end = self._pair(stack, os.pipe)
            board, terminal = self._pair(stack, os.openpty)
            cable, device = self._pair(stack, os.openpty)
            tty.setraw(device)
            # As a UART: nothing is echoed or translated, but Ctrl-C interrupts (ISIG).
            modes = termios.tcgetattr(terminal)
            modes[1] &= ~termios.OPOST
            modes[3] &= ~termios.ECHO
            termios.tcsetattr(terminal, termios.TCSANOW, modes)
            settings = {
                "wire": wire_end,
                "flash": str(self.image),
                "cut_at": self._cut_at,
                "cause": "power",
                "kept": {},
                "rules": DESK.rules,
                "id": "0b0a4d",
            }
            process = subprocess.Popen(
                [INTERPRETER, "-X", f"heapsize={self.heap}", "-i", "-c", FIRMWARE],
                env=os.environ
                | {"MICROPYPATH": str(BOARD_MODULES), "OUTPOST_BOARD": json.dumps(settings)},
                pass_fds=[wire_end],
                preexec_fn=lambda: os.login_tty(os.dup(terminal)),
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            self.port.symlink_to(os.ttyname(device))
            stack.callback(self.port.unlink)
            plugged.set()
            return self._attend(wire, board, cable)

    def _attend(self, wire, board, cable):
        """Carry bytes between the board and the cable; return how this life ended."""
        pending = b""
        os.set_blocking(cable, False)
        with selectors.DefaultSelector() as selector:
            for source in (wire, board, cable, self._off[0]):
                selector.register(source, selectors.EVENT_READ)
            while True:
                writing = selectors.EVENT_WRITE if pending else 0
                selector.modify(cable, selectors.EVENT_READ | writing)
                for key, events in selector.select():
                    if key.fd == self._off[0]:
                        return "off"
                    if key.fd == cable and events & selectors.EVENT_WRITE:
                        pending = pending[os.write(cable, pending) :]
                    if not events & selectors.EVENT_READ:
                        continue
                    data = os.read(key.fd, 4096)
                    if key.fd == cable:
                        time.sleep(self.delay_s)
                        self.typed += data
                        os.write(board, data)
                    elif key.fd == board:
                        pending = (pending + data)[-_PENDING:]
                        with self._changed:
                            self.console += data
                            self._changed.notify_all()
                    else:
                        for line in data.decode().splitlines():
                            word, *numbers = line.split()
                            if word == "writes":
                                self.writes = sum(map(int, numbers))
                            elif word in ("reset", "cut"):
                                return word

    @staticmethod
    def _pair(stack, make):
        pair = make()
        for descriptor in pair:
            stack.callback(os.close, descriptor)
        return pair


@pytest.fixture
def board(tmp_path):
    """A SerialBoard with an empty flash, switched on."""
    image = tmp_path / "flash.img"
    with Flash(image, fresh=True, board=DESK):
        pass
    board = SerialBoard(image, tmp_path / "ttyBOARD")
    board.power_on()
    yield board
    board.power_off()


@pytest.fixture
def config(tmp_path, free_port):
    """A config.json for a board that serves FTP on a free port; as a path."""
    path = tmp_path / "config.json"
    admin = {"password": "secret", "role": "admin", "root": "/"}
    ftp = {"port": free_port(), "host": "127.0.0.1", "users": {"admin": admin}}
    path.write_text(json.dumps({"ftp": ftp, "time": {"servers": []}}))
    return path


@pytest.fixture
def tree(tmp_path):
    """A small device tree, for a test to change."""
    return fill(
        tmp_path / "tree",
        {
            "boot.py": "",
            "main.py": "from services import site\n\nprint('main', site.NAME)\n",
            "config.py": "SIZE = 1\n",
            "hal/__init__.py": "",
            "hal/board.py": "def reset():\n    pass\n",
            "services/__init__.py": "",
            "services/site.py": "NAME = 'site'\n",
            "services/ftp/__init__.py": "",
            "services/ftp/commands/tree.py": "VERBS = ('CWD', 'PWD')\n" * 300,
            "tests/standins/logging.py": "",
            "tests/standins/ntptime.py": "",
            "tests/standins/umqtt/simple.py": "",
        },
    )


@pytest.fixture
def bundled(tree):
    """What should lie on the board: (source=False, of=tree) -> path: content."""

    def make(source=False, of=tree):
        return {file.path: file.content for file in bundle.device_files(of, source=source)}

    return make


@pytest.fixture
def command(board, tree):
    """The command line of a deployment: (*options, port=board.port, of=tree) -> its words."""

    def words(*options, port=board.port, of=tree):
        return [OUTPOST, "deploy", port, "--tree", of, *options]

    return words


@pytest.fixture
def deploy(command):
    """Run a deployment: (*options, status=0, **as command takes) -> all that it said."""

    def run(*options, status=0, **where):
        done = subprocess.run(
            command(*options, **where),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    return run


@pytest.fixture
def mpremote(board):
    """Run mpremote at the board, as a person would: (*command) -> all that it said."""

    def run(*command):
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.port, "resume", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run
