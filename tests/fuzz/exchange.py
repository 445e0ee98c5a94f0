"""How the fuzzed client talks: it sends commands, hears every reply, and moves the data.

A model of the board hears all replies too, and says which of them are right.
"""

import contextlib
import posixpath
import socket
from collections import deque
from itertools import pairwise

from ftp_client import drain, linger, passive_port
from fuzz.client import PATIENCE_S, Client, connect
from fuzz.commands import told
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
)
from hypothesis.stateful import RuleBasedStateMachine

ABORTED_S = 0.2  # after which no data connection comes any more


class Exchange(RuleBasedStateMachine):
    """A client and the model of its board, without the rules by which it chooses commands."""

    board = None  # set by the test

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.client = None
        self.listener = None  # for PORT and EPRT
        self.data = None  # a data connection that is open before its transfer
        self.port = None  # the passive port to connect to
        self.busy = False  # commands wait for their replies

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
                self.model.too_large = command.verb == "ALLO" and reply.code == 552
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
