"""What every server under test is: a fresh process on loopback that serves a folder, the card."""

import ftplib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from outpost import bundle
from outpost.sim import desk
from outpost.sim.boards import BOARDS
from outpost.sim.interpreters import interpreter
from outpost.sim.prepare import prepare

from bench.client import TIMEOUT_S, Client, PlainClient

SCRIPTS = Path(__file__).parent / "board"
SIMULATOR = Path(desk.__file__).parent / "board"
USER = PASSWORD = "bench"
HEAP = 133  # KiB: an ESP32's
BUFFER = 4096
_STOP_S = 10


class ServerDied(Exception):
    """A server ended, or never answered; the text is the end of what it printed."""


def heapsize(kib, bits):
    """What -X heapsize= takes for a heap of so many KiB on a board of 32 bits."""
    return f"{kib}K" if bits == 32 else f"{kib}wK"


def free_ports(count):
    """The first of `count` adjacent free ports, below those that the kernel gives to clients."""
    while True:
        first = random.randrange(10_000, 32_000 - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def compiled(source, folder):
    """Compile a module to folder/<its name>.mpy."""
    folder.mkdir(parents=True, exist_ok=True)
    content = bundle.compiled(source.read_bytes(), source.stem, bundle.tree_root() / "build/mpy")
    (folder / f"{source.stem}.mpy").write_bytes(content)


def _compiled_scripts(room):
    """A folder of the bench's own modules, compiled: they share the servers' heap."""
    folder = room / "scripts"
    for script in (*SCRIPTS.glob("*.py"), *SIMULATOR.glob("_flash.py")):
        compiled(script, folder)
    return folder


class Server:
    """Something that serves `folder`, a folder of the host. Use it in a `with` statement.

    A kind of server has start(room) and stop(), where room is a folder of this start's own.
    heap: KiB of a board of 32 bits, where the program is MicroPython.
    """

    name = "server"
    start_s = 20  # how long it may take to serve
    patience_s = TIMEOUT_S  # how long a client waits for each step
    sessions = 64  # how many at once from one address
    longest_list = 10_000  # entries; more end in MemoryError
    card = "/"  # the folder as the client sees it
    flash = None  # where a LittleFS is, as the client sees it
    secure = False  # whether it was started with a certificate
    measures = None  # the names of those it is here for; None: all

    def __init__(self, folder, heap=HEAP):
        self.folder = Path(folder)
        self.heap = heap
        self.port = free_ports(1)
        self._room = None

    def __enter__(self):
        self._room = Path(tempfile.mkdtemp(prefix="outpost-bench-"))
        try:
            self.start(self._room)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure):
        self.stop()
        shutil.rmtree(self._room)
        self._room = None

    @property
    def running(self):
        """Whether it has been started and not been left."""
        return self._room is not None

    def cpu_s(self):
        """Processor time that the server has used, in seconds."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def client(self, secure=False):
        """A new logged-in client; OSError, EOFError or an FTP error where it serves none.

        secure: over TLS, control and data connections.
        """
        return Client(self.port, USER, PASSWORD, secure, self.patience_s)

    def answers(self):
        """Log in and leave; raises what client() does."""
        self.client().close()


class Program(Server):
    """A server that is one program; a kind of it has command(room)."""

    bits = 64  # of the interpreter: its speed counts; where its heap does, 32
    hopeless = None  # what it prints when there is no sense in waiting until it serves

    def __init__(self, folder, heap=HEAP):
        super().__init__(folder, heap)
        self._process = None

    def start(self, room):
        """Start the program, and wait until it serves."""
        self._process = self.launch(self.command(room), room)
        self._wait()

    def launch(self, command, room):
        """The process of a command, whose output goes to the console."""
        with self._console.open("wb") as console:
            return subprocess.Popen(
                [str(part) for part in command],
                env=os.environ | {"MICROPYPATH": f"{_compiled_scripts(room)}:.frozen"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def stop(self):
        """End the program."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def _console(self):
        return self._room / "console.txt"

    def micropython(self, module, *arguments):
        """The command that runs one of the bench's modules in the interpreter."""
        options = ["-X", f"heapsize={heapsize(self.heap, self.bits)}", "-m", module]
        return [*self.interpreter(), *options, *arguments]

    def interpreter(self):
        """The command of MicroPython."""
        return interpreter(self.bits).plain

    def printed(self):
        """What the server has printed so far."""
        return self._console.read_text(errors="replace")

    @property
    def pid(self):
        """Process id of the server."""
        return self._process.pid

    def _wait(self):
        deadline = time.monotonic() + self.start_s
        while True:
            try:
                return self.answers()
            except (OSError, EOFError, ftplib.Error):
                ended = self._process.poll() is not None
                ended = ended or (self.hopeless and self.hopeless in self.printed())
                if ended or time.monotonic() > deadline:
                    text = f"{self.name} does not serve:\n{self.printed()[-2000:]}"
                    raise ServerDied(text) from None
                time.sleep(0.02)


class HostPaths(Program):
    """A program to which the card is the host's own folder."""

    @property
    def card(self):
        return f"{self.folder}/"


class Blocking(HostPaths):
    """No FTP: the interpreter's own limit."""

    name = "blocking loop"
    sessions = 0
    flash = "/flash/"

    def __init__(self, folder, heap=HEAP, buffer=BUFFER, certificate=None):
        super().__init__(folder, heap)
        self._buffer = buffer
        self._certificate = certificate
        self.secure = certificate is not None

    def command(self, room):
        image = room / "flash.img"
        # As full as Outpost's, for LittleFS looks at all of it; as large as the desk's.
        prepare(image, bundle.tree_root(), board=BOARDS["desk"])
        tls = (self._certificate.cert, self._certificate.key) if self.secure else ()
        return self.micropython("serve_blocking", self.port, self._buffer, image, *tls)

    def client(self, secure=False):
        return PlainClient(self.port, secure)

    def answers(self):
        socket.create_connection(("127.0.0.1", self.port), 5).close()
