"""The control connection, fuzzed: all verbs, good and hostile arguments, pipelined and cut.

One board serves all examples. After each step an innocent session is answered; after each
example the board's files are those of the model, and nothing outside the user's root changed.
"""

import contextlib
import os
import posixpath
import socket
import time
from collections import deque
from itertools import pairwise
from typing import NamedTuple

import pytest
from fixtures_sim import PASSWORD, desk
from ftp_client import drain, linger, passive_port
from fuzz.client import PATIENCE_S, Client, connect
from fuzz.interpreter import many
from fuzz.model import (
    BLANKS,
    LISTINGS,
    RESUMES,
    TRANSFERS,
    UPLOADS,
    Model,
    is_legal,
    meant,
    parent,
    without_telnet,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

DEVICE = """
from services.ftp.commands import ANYTIME, find, verbs

def anytime():
    return {verb: ANYTIME in find(verb.encode())[1] for verb in verbs()}
"""
USERS = {
    "admin": {"password": PASSWORD, "role": "admin", "root": "/"},
    "fuzz": {"password": "fuzz", "role": "write", "root": "/jail"},
}
OUTSIDE = {"/outside/file": b"not to be touched", "/jailed": b"beside the root, almost inside"}
LONGEST = 512
ABORTED_S = 0.2  # after which no data connection comes any more
FILES = {"/a": b"0123456789" * 30, "/dir/é☃": b"line\nline\r\n" * 9, "/ lead": b""}

# Arguments.

NAMES = st.sampled_from(
    ["a", "a", "b", "dir", "dir", "é☃", "a b", "-x", " lead", '"q"', "upload", "[a]", "x" * 60]
)
ODD_NAMES = st.one_of(
    st.sampled_from(["..", "..", ".", "", " ", "*", "?", "~", "\\", "...", "[", "a]", "%s%d"]),
    st.sampled_from(["a\tb", "\x7f", "\x1b[2J", "😀", "x" * 255, "x" * 256]),
    st.sampled_from([".upload-1", "config.json", "outside", "jailed"]),
)
PATHS = st.lists(st.one_of(NAMES, NAMES, NAMES, ODD_NAMES), min_size=1, max_size=3).map("/".join)
PATHS = st.one_of(NAMES, NAMES, PATHS, PATHS.map("/{}".format))
HOSTILE = st.one_of(
    st.sampled_from(
        [b"", b" ", b"\0", b"a\0b", b"a\rb", b"\xc3", b"\xed\xa0\x80", b"%n%s", b"-9"]
    ),
    st.sampled_from([b"\xff\xf4\xff\xf2", b"\xff", b"../" * 120 + b"outside/file", b"1" * 100]),
    st.sampled_from([b"/" * 400, b"x" * 600, b"*" * 99]),
)
TEXT = st.text(max_size=8).filter(lambda text: "\n" not in text)
WORDS = {
    "USER": ["fuzz", "fuzz", "fuzz", "nobody", "é", "fuzz "],
    "PASS": ["fuzz"],  # a wrong one costs a second and, after some, a lock-out
    "TYPE": ["A", "I", "I", "A N", "L 8", "E", "L 7", "i", "A T", "X"],
    "MODE": ["S", "B", "C", "Z", "s"],
    "STRU": ["F", "R", "P", "f", "FF"],
    "REST": ["0", "1", "5", "17", "4096", "99999999999999999999", "-1", "x", "1 "],
    "ALLO": ["1", "100 R 10", "99999999999", "x", "0", "-1"],
    "PORT": ["@", "@", "127,0,0,1,0,21", "127,0,0,2,200,1", "1,2,3", "127,0,0,1,300,1", "@,1"],
    "EPRT": ["@", "@", "|1|127.0.0.1|21|", "|2|::1|5000|", "|1|10.0.0.1|5000|", "|", "||||"],
    "EPSV": ["", "", "", "1", "2", "x", "ALL"],
    "PASV": ["", "", "x"],
    "OPTS": ["UTF8 ON", "UTF8", "MLST type;size;", "MLST", "HASH", "HASH SHA-1", "HASH X", " "],
    "SITE": [
        "help",
        "df",
        "df /",
        "free",
        "gc",
        "who",
        "status",
        "chmod 644 a",
        "umask",
        "kick 1",
        "x",
        " ",
    ],
    "HELP": ["", "STOR", "SITE", "x", "stor"],
    "AUTH": ["TLS", "SSL", "X"],
    "PBSZ": ["0", "x"],
    "PROT": ["P", "C", "E", "x"],
    "RANG": ["0 5", "3 3", "1 0", "5 1", "x", "0 99999999999"],
    "LIST": ["", "-la", "-a", "*", "-R", "-t", "-d", "--", "-la dir"],
    "NLST": ["", "*", "-1", "dir/*"],
    "STAT": ["", "", "*", "-la", "dir"],
    "CLNT": ["x", "é" * 50],
    "ACCT": ["x"],
    "MFMT": ["20200101000000 a", "20200101000000 dir", "2020 a", "20209999999999 a", "x"],
    "MDTM": ["a", "dir/b", "20200101000000 a"],
    "STOU": ["", "", "a", "dir/a"],
}
CHANGES = ["CWD", "CDUP", "MKD", "RMD", "DELE", "RNFR", "RNTO", "SIZE", "MLST", "HASH", "TYPE"]
NO_ARGUMENT = (
    "CDUP",
    "XCUP",
    "PWD",
    "XPWD",
    "REIN",
    "QUIT",
    "ABOR",
    "SYST",
    "FEAT",
    "NOOP",
    "CCC",
)
CONTENTS = st.one_of(
    st.sampled_from([b"", b"a", b"line\r\nline\n\r\r\n", b"\r", b"\r\n" * 300]),
    st.binary(max_size=50),
    st.integers(1000, 20_000).map(lambda size: bytes(range(251)) * (size // 251 + 1)),
)
ENDINGS = ["whole"] * 6 + ["reset", "abort", "never", "early"]

# What a configuration that has proven itself leaves, when it is so far.
LIFE = {"config.last", "config.ready"}


class Plan(NamedTuple):
    """What the client does with a data connection: what it sends, and how it ends."""

    content: bytes = b""
    ending: str = "whole"  # or: reset, abort, never (connects), early (closes while it is sent to)
    eager: bool = False  # connects as soon as it has a port, before any transfer

    def __repr__(self):
        content = self.content if len(self.content) < 60 else f"{len(self.content)} bytes"
        return f"<{content!r}, {self.ending}{', eager' if self.eager else ''}>"


class Command(NamedTuple):
    """A command line: argument None for a line that is not UTF-8 or has a CR or NUL."""

    verb: str
    argument: str
    line: bytes
    plan: Plan

    @property
    def is_plain(self):
        """True where the line is text that the session hands to a handler."""
        return self.argument is not None and len(self.line) < LONGEST


@st.composite
def commands(draw, verbs, known):
    """A Command of one of these verbs; known: the paths that there are."""
    verb = draw(st.sampled_from(verbs))
    plan = Plan(draw(CONTENTS), draw(st.sampled_from(ENDINGS)), draw(st.booleans()))
    kind = draw(st.integers(0, 9))
    if verb in NO_ARGUMENT and kind:
        argument = ""
    elif verb in WORDS and (kind or verb in ("PASS", "SITE")):
        words = st.sampled_from(WORDS[verb])
        argument = draw(words if verb not in (*LISTINGS, "STAT") else st.one_of(words, PATHS))
    elif kind > 3:
        argument = draw(st.sampled_from(known))
    elif kind:
        argument = draw(PATHS)
    elif draw(st.booleans()):
        argument = draw(TEXT)
    else:
        return hostile(verb, draw(HOSTILE), plan)
    written = verb if draw(st.integers(0, 5)) else verb.lower()
    line = f"{written} {argument}" if argument else written
    return (
        hostile(verb, line.encode().partition(b" ")[2], plan, written)
        if argument
        else Command(verb, "", line.encode(), plan)
    )


def hostile(verb, raw, plan, written=None):
    """A Command with these bytes for its argument."""
    line = (written or verb).encode() + b" " + raw
    try:
        argument = without_telnet(line).decode().partition(" ")[2]
    except UnicodeError:
        argument = None
    if b"\0" in raw or b"\r" in raw:
        argument = None
    return Command(verb, argument, line, plan)


def told(verb, argument="", plan=None):
    """A Command without surprises."""
    line = f"{verb} {argument}" if argument else verb
    return Command(verb, argument, line.encode(), plan or Plan())


class Board:
    """The board, the innocent session and an admin who cleans up behind each example."""

    def __init__(self, desk_board, anytime):
        self.desk = desk_board
        self.port = desk_board.ftp_port
        self.anytime = anytime
        self.admin = Client(self.port).login("admin", PASSWORD)
        assert self.admin.ask("MKD /jail").code == 257
        assert self.admin.ask("MKD /outside").code == 257
        assert self.admin.ask("TYPE I").code == 200
        for path, content in OUTSIDE.items():
            port = passive_port(self.admin.ask("EPSV"))
            with connect(port) as sock:
                assert self.admin.ask(f"STOR {path}").code == 150
                sock.sendall(content)
            assert self.admin.reply().code == 226
        self.innocent = Client(self.port).login("fuzz", "fuzz")
        self.names = set(self.admin.entries("/"))
        self.descriptors = self.count()
        self.failed = False

    def clear(self):
        """Nothing in the user's root, whatever has become of the example before."""
        if self.failed:
            self.admin.close()
            self.innocent.close()
            self.admin = Client(self.port).login("admin", PASSWORD)
            self.innocent = Client(self.port).login("fuzz", "fuzz")
            self.settled()  # its transfers have ended
            assert self.admin.ask("TYPE I").code == 200
        self.failed = True
        self.wipe()

    def count(self):
        """How many descriptors the interpreter has open."""
        return len(os.listdir(f"/proc/{self.desk.pid}/fd"))

    def settled(self):
        """Wait until nothing is open that was not in the beginning."""
        deadline = time.monotonic() + PATIENCE_S
        while (count := self.count()) != self.descriptors:
            assert time.monotonic() < deadline, f"{count} descriptors, not {self.descriptors}"
            time.sleep(0.002)

    def wipe(self, folder="/jail"):
        """Remove all that is below a folder."""
        for name, size in self.admin.entries(folder).items():
            path = f"{folder}/{name}"
            if size is None:
                self.wipe(path)
                assert self.admin.ask(f"RMD {path}").code == 250
            else:
                assert self.admin.ask(f"DELE {path}").code == 250

    def check_outside(self):
        assert set(self.admin.entries("/")) - LIFE == self.names - LIFE
        for path, content in OUTSIDE.items():
            assert self.admin.fetch(f"RETR {path}") == content


class Conversation(RuleBasedStateMachine):
    """One user's sessions, one after the other, and a model that hears all replies."""

    board = None  # set by the test

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.client = None
        self.listener = None  # for PORT and EPRT
        self.data = None  # a data connection that is open before its transfer
        self.port = None  # the passive port to connect to
        self.busy = False  # commands wait for their replies

    @initialize()
    def begin(self):
        self.board.clear()
        self._log_in()
        self._run([told("MKD", "dir"), told("MKD", "/dir/b")], [])
        for path, content in FILES.items():
            self._run([told("EPSV"), told("TYPE", "I"), told("STOR", path, Plan(content))], [])

    def teardown(self):
        if self.busy:  # it has failed: what follows would hide that
            self._forget_data()
            self.client.close()
            return
        if not self.client:
            return
        try:
            self._leave(told("QUIT"))
            self.board.settled()
            files, folders = self.board.admin.tree("/jail")
            assert folders == self.model.folders
            assert files == self.model.files
            self.board.check_outside()
            self.board.failed = False
        finally:
            self._forget_data()
            self.client.close()

    @invariant()
    def an_innocent_session_is_answered(self):
        assert self.board.innocent.ask("NOOP").code == 200

    # What the client does.

    @rule(data=st.data(), size=st.integers(1, 6), cuts=st.lists(st.integers(0, 300), max_size=3))
    def say(self, data, size, cuts):
        """Any commands at all, in one packet or cut anywhere."""
        verbs = sorted(set(self.board.anytime) - {"QUIT"})
        known = sorted(self.model.files) + sorted(self.model.folders)
        self._run([data.draw(commands(verbs, known)) for _ in range(size)], cuts)

    @rule(data=st.data(), size=st.integers(4, 12))
    def say_much(self, data, size):
        self.say(data, size, [])

    @rule(data=st.data(), size=st.integers(2, 5))
    def say_what_changes(self, data, size):
        """Commands of those that do something to files, or ask what they are."""
        self._be_logged_in()
        known = sorted(self.model.files) + sorted(self.model.folders)
        self._run([data.draw(commands(CHANGES, known)) for _ in range(size)], [])

    @rule(
        way=st.sampled_from(["EPSV", "PASV", "EPRT", "PORT"]),
        verb=st.sampled_from([*UPLOADS, "STOR", "STOR"]),
        data=st.data(),
        plan=st.builds(Plan, CONTENTS, st.sampled_from(ENDINGS), st.booleans()),
        kind=st.sampled_from(["I", "I", "A"]),
        rest=st.sampled_from([None, None, None, 0, 1, 17]),
    )
    def upload(self, way, verb, data, plan, kind, rest):
        """A file comes, often over one that is there."""
        self._be_logged_in()
        path = data.draw(st.one_of(st.sampled_from(sorted(self.model.files) or ["a"]), PATHS))
        port = told(way, "@" if way in ("EPRT", "PORT") else "")
        restart = [] if rest is None else [told("REST", str(rest))]
        self._run([told("TYPE", kind), port, *restart, told(verb, path, plan)], [])

    @precondition(lambda self: self.model.files)
    @rule(
        data=st.data(),
        rest=st.sampled_from([None, None, 0, 1, 7]),
        ending=st.sampled_from(ENDINGS),
        pipelined=st.booleans(),
    )
    def download(self, data, rest, ending, pipelined):
        """A file that is there goes, and what it was is compared."""
        self._be_logged_in()
        path = data.draw(st.sampled_from(sorted(self.model.files)))
        restart = [] if rest is None else [told("REST", str(rest))]
        kind = told("TYPE", data.draw(st.sampled_from("IA")))
        after = [told("NOOP"), told("PWD"), told("STAT")] if pipelined else []
        transfer = told("RETR", path, Plan(ending=ending))
        self._run([kind, told("EPSV"), *restart, transfer, *after], [])

    @rule(data=st.data(), to=PATHS)
    def rename(self, data, to):
        self._be_logged_in()
        known = sorted(self.model.files) + sorted(self.model.folders)
        path = data.draw(st.one_of(st.sampled_from(known), PATHS))
        self._run([told("RNFR", path), told("RNTO", to)], [])

    @rule(verb=st.sampled_from([*LISTINGS, "STAT"]), data=st.data())
    def look(self, verb, data):
        """A listing of a folder that is there."""
        self._be_logged_in()
        path = data.draw(st.sampled_from(sorted(self.model.folders)))
        self._run([told("EPSV"), told(verb, path)], [])

    @rule(verb=st.sampled_from(["QUIT", "REIN"]))
    def leave(self, verb):
        if verb == "QUIT":
            self._leave(told("QUIT"))
            self.client = None
        else:
            self._run([told("REIN")], [])
        self._log_in()

    @rule(
        verb=st.sampled_from([*UPLOADS, "RETR"]),
        path=NAMES,
        content=CONTENTS,
        reset=st.booleans(),
        first=st.booleans(),
    )
    def die(self, verb, path, content, reset, first):
        """The control connection ends in mid transfer: what was there before stays."""
        if not self.model.logged_in or self.model.epsv_only:
            self._log_in()
        self._forget_data()
        reply = self.client.ask("EPSV")
        sock = connect(passive_port(reply))
        with sock, contextlib.suppress(ConnectionError):
            if self.client.ask(f"{verb} {path}").code == 150 and verb != "RETR":
                sock.sendall(content)
            if first:
                self.client.reset() if reset else self.client.close()
            else:  # the data connection before it, and it with a RST: its end is no clean one
                linger(sock)
                sock.close()
                self.client.reset() if reset else self.client.close()
        self.client = None
        self.board.settled()
        self._log_in()

    # How it does it.

    def _log_in(self):
        self._forget_data()
        if self.client is None:
            self.client = Client(self.board.port)
        self.client.login("fuzz", "fuzz")
        self.model.log_out()
        self.model.logged_in = self.model.user = True

    def _be_logged_in(self):
        if not self.model.logged_in:
            self._run([told("USER", "fuzz"), told("PASS", "fuzz")], [])

    def _leave(self, quit_):
        self._run([quit_], [])
        assert self.client.at_end()
        self.client.close()
        self._forget_data()

    def _forget_data(self):
        for sock in (self.data, self.listener):
            if sock:
                sock.close()
        self.data = self.listener = self.port = None

    def _run(self, batch, cuts):
        """Send the commands and read until each of them has its one final reply."""
        self.busy = True
        batch = [self._aimed(command) for command in self._without_traps(batch)]
        stream = b"".join(command.line + b"\r\n" for command in batch)
        edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
        for start, end in pairwise(edges):
            if start < end:
                self.client.send(stream[start:end])
        self.waiting = deque(batch)
        self.transfer = None
        self.aborted = any(command.verb == "ABOR" for command in batch)
        while self.waiting or self.transfer:
            self._hear(self.client.reply())
        self.busy = False

    def _without_traps(self, batch):
        """Yield the commands but for what this test can't wait for, or tell apart.

        A wrong password costs a second, and after some a lock-out. What may run during a
        transfer, and is refused with the codes of transfers, can't be told from its end.
        """
        user = self.model.user
        transfers = False
        for command in batch:
            verb = command.verb
            if verb in ("USER", "REIN") and command.is_plain:
                user = verb == "USER" and command.argument.strip(BLANKS) == "fuzz"
            transfers = transfers or verb in TRANSFERS
            if verb == "PASS" and not user:
                yield told("NOOP")
            elif transfers and self.board.anytime[verb]:
                yield told(verb)
            else:
                yield command

    def _aimed(self, command):
        """The command with the port of a listener of ours in place of @."""
        if command.argument is None or "@" not in command.argument:
            return command
        if command.verb not in ("PORT", "EPRT"):
            return command
        if not self.listener:
            self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        if command.verb == "EPRT":
            text = f"|1|127.0.0.1|{port}|"
        else:
            text = f"127,0,0,1,{port >> 8},{port & 255}"
        text = command.argument.replace("@", text)
        return command._replace(argument=text, line=f"{command.verb} {text}".encode())

    def _hear(self, reply):
        """Give a reply to the command that it is of."""
        if reply.code < 200:
            assert not self.transfer, reply
            self._check(self.waiting[0], reply)
            self.transfer = self.waiting.popleft()
            self._move_data(reply)
        elif self.transfer and not self._overtakes(0, reply):
            self._finish(reply)
        else:
            at = 1 if not self.transfer and self._overtakes(1, reply) else 0
            command = self.waiting[at]
            del self.waiting[at]
            self._check(command, reply)
            if command.is_plain:
                self.model.apply(command.verb, command.argument, reply)
            if command.verb not in RESUMES:
                self.model.rest = 0
            self._note_port(command, reply)

    def _overtakes(self, at, reply):
        """True where a reply is of a command that may run while the one before it goes on."""
        if len(self.waiting) <= at or not self.board.anytime[self.waiting[at].verb]:
            return False
        verb = self.waiting[at].verb
        if verb == "ABOR":
            return False  # always behind what it has aborted
        if verb == "STAT" and reply.code == 213:
            return len(reply.lines) > 1
        running = self.transfer.verb if self.transfer else self.waiting[0].verb
        return is_legal(verb, reply.code) and not is_legal(running, reply.code)

    def _check(self, command, reply):
        """Whether the reply is one that the command may have, and here the only right one."""
        shown = f"{command.line[:80]} was answered {reply}"
        assert is_legal(command.verb, reply.code), shown
        if not command.is_plain:
            assert reply.code >= 400, shown
            return
        expected = self.model.expected(command.verb, command.argument)
        if command.verb in ("SIZE", "HASH") and self.aborted:
            return
        assert expected is None or reply.code in expected, f"{shown}, not {expected}"

    def _note_port(self, command, reply):
        """Keep where the next data connection goes."""
        verb = command.verb
        if verb in ("EPSV", "PASV") and reply.code in (227, 229):
            self._ready("passive")
            self.port = passive_port(reply)
            if command.plan.eager:
                with contextlib.suppress(ConnectionError):  # the next command has closed it
                    self.data = connect(self.port)
        elif verb in ("PORT", "EPRT") and reply.code == 200:
            self._ready("active")
        elif (verb in ("EPSV", "PASV") and reply.code == 425) or (
            verb in ("ABOR", "USER", "REIN") and reply.code in (225, 220, 331)
        ):
            self._ready(None)

    def _ready(self, how):
        """From now on the next data connection will be made so."""
        self.model.ready = how
        if self.data:
            self.data.close()
        self.data = None

    def _move_data(self, reply):
        """Do with the data connection what the plan says, once the 150 has come."""
        verb, path, plan = self.transfer.verb, self.transfer.argument, self.transfer.plan
        ready, self.model.ready = self.model.ready, None
        cwd = self.model.cwd
        self.path = meant(cwd, path)
        if verb == "STOU":
            name = reply.lines[0].partition("FILE: ")[2]
            wanted = path or "upload"
            self.path = meant(cwd, wanted)
            if posixpath.basename(self.path) != name:
                self.path = meant(cwd, f"{wanted}.{name.rpartition('.')[2]}")
            assert posixpath.basename(self.path) == name
            assert not self.model.exists(self.path), reply
        self.before = self.model.shown(self.path) if verb == "RETR" else None
        self.kept = self.model.files.get(self.path, b"")
        self.kept = {"STOR": self.kept[: self.model.rest], "APPE": self.kept, "STOU": b""}.get(
            verb
        )
        self.sent = self.model.kept(plan.content)
        self.model.rest = 0
        if verb == "RETR":
            self.model.range = None
        self.got = None
        only_any_time = all(self.board.anytime[command.verb] for command in self.waiting)
        self.ending = plan.ending
        if plan.ending in ("never", "abort") and not only_any_time:
            self.ending = "early"  # an ABOR would wait behind what waits for the end
        self.possible = verb not in UPLOADS or self.model.can_hold(self.path)
        if ready == "active" and verb in UPLOADS and not self.model.takes(self.path):
            return  # the board doesn't even call
        if self.ending == "never" and not self.data:
            self._abort()
            if self.listener:  # what the kernel has accepted for us is not of the next transfer
                self.listener.close()
                self.listener = None
            return
        sock, self.data = self.data, None
        try:
            if not sock:
                sock = connect(self.port) if ready == "passive" else self._called()
        except ConnectionError:
            return  # the board has failed already, and says so next
        sock.settimeout(PATIENCE_S)
        with sock, contextlib.suppress(ConnectionError):
            if self.ending in ("abort", "never"):
                if verb in UPLOADS:
                    sock.sendall(plan.content[: len(plan.content) // 2])
                self._abort()
                if verb in UPLOADS:
                    sock.recv(1)  # until the board has closed it
            elif self.ending == "reset":
                if verb in UPLOADS:
                    sock.sendall(plan.content)
                linger(sock)
            elif verb in UPLOADS:
                sock.sendall(plan.content)
            elif self.ending == "early":
                sock.recv(1)
            else:
                self.got = drain(sock)

    def _called(self):
        """The connection that the board makes; ConnectionError where an ABOR came before it."""
        if not self.listener:
            self.aborted = True
            raise ConnectionError
        self.listener.settimeout(ABORTED_S if self.aborted else PATIENCE_S)
        try:
            return self.listener.accept()[0]
        except TimeoutError:
            if not self.aborted:
                raise
            self.listener.close()
            self.listener = None
            raise ConnectionError from None

    def _abort(self):
        self.aborted = True
        self.client.send(b"\xff\xf4\xff\xf2ABOR\r\n")
        self.waiting.append(told("ABOR"))

    def _finish(self, reply):
        """The transfer's final reply: what it says of the files, and whether that is so."""
        command, self.transfer = self.transfer, None
        verb = command.verb
        shown = f"{command.line[:80]} {self.ending} ended with {reply}"
        assert is_legal(verb, reply.code), shown
        good = reply.code in (226, 250)
        clean = self.ending in ("whole", "early") if verb in UPLOADS else self.ending == "whole"
        if (
            clean
            and not self.aborted
            and (verb not in LISTINGS or self.path in self.model.folders)
        ):
            assert good == self.possible, shown
        if verb in UPLOADS and good:
            assert clean, shown
            self.model.files[self.path] = self.kept + self.sent
        elif verb == "RETR" and good and self.got is not None:
            assert self.got == self.before, shown
        elif verb == "MLSD" and good and self.got is not None:
            names = {line.partition(" ")[2] for line in self.got.decode().split("\r\n")[:-1]}
            everything = [*self.model.files, *self.model.folders - {"/"}]
            inside = {path for path in everything if parent(path) == self.path}
            assert names == {path.rpartition("/")[2] for path in inside}, shown


@pytest.fixture(scope="module")
def board(device, tmp_path_factory):
    """A board with an admin and a user in a root of its own; what it must not do ends the test."""
    # A test that goes wrong again and again while it is shrunk must not meet these.
    limits = {"max_sessions": 30, "users": USERS}
    with desk(tmp_path_factory.mktemp("fuzz")) as start:
        yield Board(start(config={"ftp": limits}), device("anytime"))


def test_every_command_gets_one_final_reply_and_files_are_what_was_stored(board):
    Conversation.board = board
    run_state_machine_as_test(Conversation, settings=settings(many(70), stateful_step_count=20))
