"""Instructions: what a boot, a client's first steps and small commands take; they repeat.

valgrind's callgrind counts what the interpreter executes. System calls are not among them.
"""

import functools
import re
import shutil
import subprocess
import time
from pathlib import Path

from bench import heap, servers
from bench.boards import ProbedOutpost
from bench.figures import Table
from bench.peers import FTPdLite

_SLOWER = 6  # times, at most, than without callgrind
_AGAIN = 5  # runs of what can be repeated; the least counts, for the board works beside it
BOOT = "boot to the first 220"
REST = "a second at rest"
FIRST_LOGIN = "first login of a user, from the connection to the 230"
LOGIN = "later login"
FIRST_RETR = "first RETR of 1 KiB, from its command to the first byte"
RETR = "later RETR"
FIRST_LIST = "first LIST of 500, from its command to the first byte"
LIST = "later LIST"
NOOP = "NOOP"
_WAITING = "waiting"
_WAITS = f"print('{_WAITING}'); import time; time.sleep(600)"


class Unavailable(Exception):
    """Nothing can be counted here; the text says why, and what to do."""


class Counted:
    """Of a Program in the 64-bit interpreter: counts the instructions that it executes."""

    bits = 64
    start_s = servers.Server.start_s * _SLOWER
    patience_s = servers.TIMEOUT_S * _SLOWER

    def command(self, room):
        """The Program's command under callgrind."""
        # Outpost's first boot runs without it: what is counted is any other boot.
        return [*_callgrind(room / "counts"), *super().command(room)]

    def instructions(self):
        """How many the process has executed so far, in thousands."""
        before = len(_dumps(self._room))
        done = subprocess.run(
            ["callgrind_control", "--dump", str(self.pid)], capture_output=True, text=True
        )
        # It stops a process that waits by ptrace, which not every machine allows.
        if done.returncode or len(_dumps(self._room)) == before:
            raise Unavailable(f"callgrind_control made no dump: {done.stdout}{done.stderr}")
        return counted(self._room)


class CountedOutpost(Counted, ProbedOutpost):
    """Outpost, of which each instruction is counted."""


class CountedFTPdLite(Counted, FTPdLite):
    """The peer, of which each instruction is counted."""


def _callgrind(path):
    """The beginning of a command whose dumps come to path.1, path.2, ..."""
    if not shutil.which("valgrind"):
        raise Unavailable("no valgrind: apt-get install valgrind")
    return ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={path}"]


def _dumps(folder):
    """The files of a folder that hold counts: each dump begins where the one before it ended."""
    return list(Path(folder).glob("counts.*"))


def counted(folder):
    """Thousands of instructions in all of a folder's dumps."""
    dumps = [path.read_text() for path in _dumps(folder)]
    return sum(int(re.search(r"^totals: (\d+)", dump, re.MULTILINE)[1]) for dump in dumps) // 1000


class _Bare(servers.Program):
    """The interpreter alone, which waits."""

    name = "interpreter"

    def command(self, room):
        return [*self.interpreter(), "-c", _WAITS]

    def answers(self):
        """Return once it waits."""
        if _WAITING not in self.printed():
            raise OSError("it has not begun")


class _CountedBare(Counted, _Bare):
    """The same, of which each instruction is counted."""


def rows(server):
    """Yield (measure, thousands of instructions) of a server that has just begun to serve."""

    def count(act):
        """What act() takes; what it returns is called after that, uncounted."""
        before = server.instructions()
        finish = act()
        took = server.instructions() - before
        if finish:
            finish()
        return took

    def least(act):
        return min(count(act) for _ in range(_AGAIN))

    def wait():
        time.sleep(1)

    def log_in():
        return server.client().close

    booted = server.instructions()
    with _CountedBare(server.folder) as interpreter:
        yield BOOT, booted - interpreter.instructions()
    heap.at_rest(server)  # returns when the boot is over
    yield REST, least(wait)
    yield FIRST_LOGIN, count(log_in)
    yield LOGIN, least(log_in)
    with server.client() as connection:  # what has come late stays while it is there

        def first_byte(command):
            sock = connection.ftp.transfercmd(command)
            sock.recv(1)

            def finish():
                while sock.recv(1 << 16):
                    pass
                sock.close()
                connection.ftp.voidresp()

            return finish

        def noop():
            connection.ftp.voidcmd("NOOP")

        for command, first, later in (
            (f"RETR {server.card}small", FIRST_RETR, RETR),
            (f"LIST {server.card}list500", FIRST_LIST, LIST),
        ):
            act = functools.partial(first_byte, command)
            yield first, count(act)
            yield later, least(act)
        yield NOOP, least(noop)


def tables(folder, ftpdlite=None):
    """Yield (key, Table): a column for each part of Outpost, and for the peer where it is there.

    ftpdlite: a checkout, with ftpdlite.py. Raises Unavailable.
    """
    table = Table(
        "Instructions, in thousands",
        "On 64 bits; a board's processor has others, so read them against each other. First: what "
        "comes late is loaded, and a user's first login hashes the password.",
    )
    made = {
        part: CountedOutpost(folder, services=services) for part, services in heap.PARTS.items()
    }
    if ftpdlite:
        made[FTPdLite.name] = CountedFTPdLite(folder, ftpdlite)
    for name, server in made.items():
        with server:
            for measure, value in rows(server):
                table.add(name, measure, value)
    yield "instructions", table
