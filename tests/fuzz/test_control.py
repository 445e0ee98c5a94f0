"""The control connection, fuzzed: all verbs, good and hostile arguments, pipelined and cut.

One board serves all examples. After each step an innocent session is answered; after each
example the board's files are those of the model, and nothing outside the user's root changed.
"""

import contextlib

import pytest
from fixtures_sim import desk
from ftp_client import linger, passive_port
from fuzz.board import USERS, Board
from fuzz.client import connect
from fuzz.commands import CONTENTS, ENDINGS, NAMES, PATHS, Plan, commands, told
from fuzz.exchange import Exchange
from fuzz.interpreter import many
from fuzz.model import LISTINGS, UPLOADS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
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

FILES = {"/a": b"0123456789" * 30, "/dir/é☃": b"line\nline\r\n" * 9, "/ lead": b""}
CHANGES = ["CWD", "CDUP", "MKD", "RMD", "DELE", "RNFR", "RNTO", "SIZE", "MLST", "HASH", "TYPE"]


class Conversation(Exchange):
    """One user's sessions, one after the other, and a model that hears all replies."""

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
