"""Logins: what is served before one, wrong passwords, a user `anonymous`."""

import itertools
import re
import time

import pytest

from tests.ftp.access.conftest import ROLES

ADDRESSES = itertools.count(1)
BEFORE_LOGIN = {"USER", "PASS", "QUIT", "FEAT", "SYST", "HELP", "NOOP", "OPTS", "AUTH", "REIN"}
BEFORE_LOGIN |= {"ABOR"}  # RFC 959 has no 530 among its replies
COMMANDS = [
    "USER",
    "PASS",
    "QUIT",
    "TYPE",
    "MODE",
    "STRU",
    "PASV",
    "EPSV",
    "PORT",
    "EPRT",
    "RETR",
    "STOR",
    "LIST",
    "NLST",
    "CWD",
    "CDUP",
    "PWD",
    "MKD",
    "RMD",
    "DELE",
    "RNFR",
    "RNTO",
    "SIZE",
    "STAT",
    "SYST",
    "FEAT",
    "OPTS",
    "HELP",
    "ALLO",
    "NOOP",
    "SITE",
    "XPWD",
    "XCWD",
    "XCUP",
    "XMKD",
    "XRMD",
    "APPE",
    "REST",
    "MDTM",
    "ABOR",
    "MLSD",
    "MLST",
    "REIN",
]


@pytest.mark.parametrize("verb", sorted(set(COMMANDS) - BEFORE_LOGIN))
@pytest.mark.parametrize("arg", ["", " x"])
def test_nothing_else_is_served_before_login(connect, verb, arg):
    stranger = connect(None)

    assert stranger.ask(verb + arg).code == 530
    assert stranger.ask("USER admin").code == 331
    assert stranger.ask(verb + arg).code == 530, "a name alone opens nothing"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("FEAT", 211),
        ("SYST", 215),
        ("HELP", 214),
        ("NOOP", 200),
        ("OPTS UTF8 ON", 200),
        ("PASS x", 503),
        ("QUIT", 221),
    ],
)
def test_what_clients_ask_first_is_answered_before_login(connect, command, code):
    assert connect(None).ask(command).code == code


def test_auth_is_known_but_not_offered(connect):
    assert connect(None).ask("AUTH TLS").code in (500, 502, 504, 534)


def test_help_site_tells_a_stranger_nothing_for_admins(connect):
    assert "shutdown" not in connect(None).ask("HELP SITE").text


class TestPasswords:
    """Wrong ones are slow, told alike, and three are enough."""

    @pytest.fixture
    def strangers(self, connect):
        """Open a control connection from an address that has tried nothing yet; not logged in."""
        return lambda: connect(None, source=f"127.0.8.{next(ADDRESSES)}")

    def test_the_third_wrong_password_ends_the_session_and_no_other(self, strangers, control):
        stranger = strangers()
        began = time.monotonic()
        for expected in (530, 530, 421):
            assert stranger.ask("USER admin").code == 331
            stranger.send("PASS wrong")
            assert control.ask("NOOP").code == 200, "others do not wait"
            assert stranger.reply().code == expected
        assert time.monotonic() - began >= 2.5
        assert stranger.closed()

    def test_an_unknown_user_hears_what_a_known_one_hears(self, strangers):
        known, unknown = strangers(), strangers()

        assert known.ask("USER admin").text == "331 Password required for admin."
        assert unknown.ask("USER nobody").text == "331 Password required for nobody."
        known.send("PASS wrong")
        unknown.send("PASS wrong")
        assert known.reply() == unknown.reply()

    def test_a_password_is_compared_whole(self, strangers):
        sessions = [strangers() for _ in range(5)]
        for session, password in zip(
            sessions, ("", "secre", "secret ", "SECRET", "secret\x01"), strict=True
        ):
            session.ask("USER admin")
            session.send(f"PASS {password}")
        assert [session.reply().code for session in sessions] == [530] * 5

    def test_the_right_one_after_a_wrong_one_is_welcome(self, strangers):
        session = strangers()
        session.ask("USER admin")
        assert session.ask("PASS wrong").code == 530

        session.login("admin")

    def test_the_stored_hash_is_no_password(self, strangers, control):
        stored = re.search(rb'"(pbkdf2-sha256\$[^"]+)"', control.get("/config.json"))[1].decode()
        session = strangers()
        session.ask("USER admin")

        assert session.ask(f"PASS {stored}").code == 530


class TestAnonymous:
    """Off unless config.json has a user `anonymous` whose password is null."""

    def test_it_is_off_by_default(self, connect):
        session = connect(None, source=f"127.0.8.{next(ADDRESSES)}")

        assert session.ask("USER anonymous").text == "331 Password required for anonymous."
        assert session.ask("PASS me@example.org").code == 530

    def test_whoever_comes_reads_what_lies_below_its_root(self, power_up, connect):
        users = ROLES | {"anonymous": {"password": None, "role": "admin", "root": "/lib"}}
        board = power_up({"users": users})
        board.wait_console("ftp.users.anonymous.role: is read")
        for password in ("me@example.org", "", "secret"):
            guest = connect(None, to=board)
            assert guest.ask("USER anonymous").code == 331
            assert guest.ask(f"PASS {password}").text == "230 anonymous logged in, role read."
        assert guest.ask("SIZE /main.py").code == 550
        assert guest.ask("SIZE ../main.py").code == 550
        assert guest.ask("MKD new").code == 550
        assert guest.ask("SITE kick admin").code == 550
        stranger = connect(None, to=board)
        stranger.ask("USER admin")
        assert stranger.ask("PASS ").code == 530, "nobody else does without a password"

    @pytest.mark.parametrize(
        ("user", "named"),
        [
            ({"password": None}, ".root: must begin with /"),
            ({"password": None, "root": "/"}, ".root: must not be / without a password"),
            ({"root": "/lib"}, ": needs a password"),
        ],
    )
    def test_it_needs_a_root_of_its_own(self, power_up, connect, user, named):
        board = power_up({"users": ROLES | {"anonymous": user}})

        board.wait_console("ftp.users.anonymous" + named)
        guest = connect(None, to=board)
        guest.ask("USER anonymous")
        assert guest.ask("PASS x").code == 530

    @pytest.mark.parametrize("password", [None, ""])
    def test_no_other_user_does_without_a_password(self, power_up, connect, password):
        board = power_up({"users": ROLES | {"eve": {"password": password, "root": "/lib"}}})
        eve = connect(None, to=board)
        eve.ask("USER eve")
        assert eve.ask("PASS x").code == 530
