"""Access: before login, roles, roots, secrets, ports, whose data connection, wrong passwords."""

import contextlib
import itertools
import re
import socket
import time

import pytest

ADDRESSES = itertools.count(1)
BEFORE_LOGIN = {"USER", "PASS", "QUIT", "FEAT", "SYST", "HELP", "NOOP", "OPTS", "AUTH", "REIN"}
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


class TestRoles:
    """read, write, admin."""

    def test_a_reader_reads(self, connect):
        reader = connect("reader")

        assert reader.fetch("RETR /main.py").startswith(b'"""')
        assert "main.py" in reader.names("/")
        assert reader.ask("SIZE /main.py").code == 213

    @pytest.mark.parametrize(
        "command",
        [
            "STOR {}/new",
            "APPE {}/file",
            "DELE {}/file",
            "MKD {}/new",
            "XMKD {}/new",
            "RMD {}",
            "XRMD {}",
            "RNFR {}/file",
        ],
    )
    def test_a_reader_changes_nothing(self, connect, control, folder, command):
        control.put(f"{folder}/file", b"x")
        reader = connect("reader")
        reader.passive_port()

        assert reader.ask(command.format(folder)).code == 550

        assert control.names(folder) == ["file"]
        assert control.get(f"{folder}/file") == b"x"

    def test_a_writer_writes(self, connect, folder):
        writer = connect("writer")

        writer.put(f"{folder}/file", b"x")
        assert writer.ask(f"RNFR {folder}/file").code == 350
        assert writer.ask(f"RNTO {folder}/other").code == 250
        assert writer.ask(f"DELE {folder}/other").code == 250


class TestRoot:
    """A user's root: no path leaves it."""

    OUT = (
        "..",
        "../..",
        "/..",
        "/../main.py",
        "../main.py",
        "a/../../main.py",
        "//main.py",
        "///../main.py",
        "/./../main.py",
        "./../../main.py",
        "/main.py",
        "main.py",
        "..//main.py",
        "../jail/../main.py",
        "/../jailbreak/main.py",
    )

    @pytest.fixture(autouse=True)
    def jail(self, control):
        control.ask("MKD /jail")
        control.ask("MKD /jailbreak")
        control.put("/jailbreak/main.py", b"outside")
        yield
        for command in ("DELE /jailbreak/main.py", "RMD /jailbreak"):
            assert control.ask(command).code == 250

    @pytest.fixture
    def jailed(self, connect):
        return connect("jailed")

    @pytest.mark.parametrize("path", OUT)
    def test_no_path_leads_out_for_reading(self, jailed, path):
        if "main.py" in path:
            jailed.passive_port()
            assert jailed.ask(f"RETR {path}").code == 550
            assert jailed.ask(f"SIZE {path}").code == 550
            assert jailed.ask(f"MLST {path}").code == 550
            assert jailed.ask(f"STAT {path}").code == 550
        else:
            assert jailed.ask(f"CWD {path}").code == 250
            assert jailed.ask("PWD").text.startswith('257 "/" ')
            assert jailed.names("") == []

    @pytest.mark.parametrize("path", ["../out", "/../out", "a/../../out", "//out", "/jail/out"])
    def test_no_path_leads_out_for_writing(self, jailed, control, path):
        jailed.passive_port()
        reply = (
            jailed.store(f"STOR {path}", b"x")
            if path != "/jail/out"
            else jailed.ask(f"MKD {path}")
        )

        assert control.ask("SIZE /out").code == 550
        if reply.code == 226:
            assert control.names("/jail") == ["out"]
            assert control.ask("DELE /jail/out").code == 250

    @pytest.mark.parametrize("target", ["../stolen", "/../stolen", "//../../stolen"])
    def test_rnto_stays_inside(self, jailed, control, target):
        jailed.put("mine", b"x")
        assert jailed.ask("RNFR mine").code == 350

        jailed.ask(f"RNTO {target}")

        assert control.ask("SIZE /stolen").code == 550
        assert control.names("/jail") == ["stolen"]
        assert control.ask("DELE /jail/stolen").code == 250

    def test_rnfr_does_not_reach_outside(self, jailed, control):
        assert jailed.ask("RNFR ../jailbreak/main.py").code == 550
        assert jailed.ask("RNTO mine").code == 503

        assert control.get("/jailbreak/main.py") == b"outside"

    def test_its_root_is_not_removed_or_renamed(self, jailed, control):
        assert jailed.ask("RMD /").code in (550, 553)
        jailed.ask("RNFR /")
        assert jailed.ask("RNTO /elsewhere").code in (503, 550, 553)

        assert control.ask("CWD /jail").code == 250

    def test_replies_and_listings_show_its_own_view(self, jailed):
        assert jailed.ask("MKD /inner").text == '257 "/inner" created.'
        assert jailed.ask("CWD inner").code == 250
        assert jailed.ask("PWD").text.startswith('257 "/inner" ')
        assert "/jail" not in jailed.ask("MLST").text
        assert jailed.ask("CDUP").code == 250
        assert jailed.ask("RMD inner").code == 250

    def test_globs_stay_inside(self, jailed):
        assert jailed.fetch("NLST ../*") == b""
        assert jailed.fetch("LIST /*") == b""

    def test_the_card_may_be_a_root(self, connect, board):
        (board.card / "photo").write_bytes(b"x")
        card = connect("card")

        assert card.names("/") == ["photo"]
        assert card.get("../photo") == b"x"
        (board.card / "photo").unlink()


class TestSecrets:
    """config.json and its copies hold passwords: admins alone see them."""

    FILES = ("config.json", "config.last", "config.json.new", "config.json.bak")
    WAYS = ("/{}", "{}", "//{}", "/./{}", "/services/../{}", "/lib/.././/{}")

    @pytest.mark.parametrize("user", ["reader", "writer"])
    @pytest.mark.parametrize("name", FILES[:2])
    @pytest.mark.parametrize("way", WAYS)
    def test_nobody_else_reads_or_asks_after_them(self, connect, user, name, way):
        session = connect(user)
        path = way.format(name)

        session.passive_port()
        for verb in ("RETR", "SIZE", "MDTM", "MLST", "STAT", "LIST", "NLST"):
            reply = session.ask(f"{verb} {path}")
            assert reply.code == 550, (verb, path, reply)

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("command", ["STOR", "APPE", "DELE", "RNFR", "MKD", "RMD"])
    def test_a_writer_does_not_touch_them(self, connect, control, name, command):
        writer = connect("writer")
        before = control.get("/config.json")

        writer.passive_port()
        assert writer.ask(f"{command} /{name}").code == 550

        assert control.get("/config.json") == before

    def test_a_writer_does_not_rename_onto_them(self, connect, control, folder):
        writer = connect("writer")
        writer.put(f"{folder}/mine", b"{}")
        assert writer.ask(f"RNFR {folder}/mine").code == 350

        assert writer.ask("RNTO /config.json").code == 550

        assert control.names(folder) == ["mine"]

    @pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD"])
    def test_listings_hide_them(self, connect, verb):
        for user in ("reader", "writer"):
            session = connect(user)
            assert b"config.json" not in session.fetch(f"{verb} /")
            assert b"config.last" not in session.fetch(f"{verb} /")
            assert b"main.py" in session.fetch(f"{verb} /"), "the rest is there"
        assert "config.json" not in connect("reader").ask("STAT /").text
        session = connect("reader")
        session.passive_port()
        assert session.ask("NLST /config.j*").code == 550
        assert b"config" not in session.fetch("NLST /*.json")

    def test_an_admin_reads_them(self, control):
        assert b'"users"' in control.get("/config.json")
        assert "config.json" in control.names("/")

    def test_a_writer_renames_no_folder_that_would_bring_them_along(self, connect):
        writer = connect("writer")
        writer.ask("RNFR /")
        assert writer.ask("RNTO /lib/root").code in (503, 550, 553)

        assert writer.fetch("RETR /main.py").startswith(b'"""')


class TestDataConnections:
    """The bounce attack and the stolen connection (RFC 2577)."""

    @pytest.mark.parametrize(
        "command",
        [
            "PORT 10,0,0,1,200,1",
            "PORT 127,0,0,2,200,1",
            "EPRT |1|127.0.0.2|51201|",
            "EPRT |1|localhost|51201|",
            "PORT 127,0,0,1,0,22",
            "PORT 127,0,0,1,3,255",
            "EPRT |1|127.0.0.1|1023|",
            "EPRT |1|127.0.0.1|65536|",
            "EPRT |1|127.0.0.1|-5|",
        ],
    )
    def test_only_to_the_clients_own_address_and_no_low_port(self, control, command):
        assert control.ask(command).code in (501, 504, 522)
        assert control.ask("LIST").code == 425

    def test_a_stranger_gets_nothing_and_the_right_one_is_served(self, control):
        port = control.passive_port()
        thief = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
        with thief:
            assert control.ask("LIST /").code == 150
            with contextlib.suppress(ConnectionResetError):
                assert thief.recv(100) == b"", "the thief is sent away without a byte"
            with socket.create_connection(("127.0.0.1", port), 10) as sock:
                assert b"main.py" in control.rest(sock)
        assert control.reply().code == 226

    def test_a_stranger_cannot_upload_in_anothers_name(self, control, folder):
        port = control.passive_port()
        assert control.ask(f"STOR {folder}/file").code == 150
        thief = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
        with thief, contextlib.suppress(ConnectionError):
            thief.sendall(b"evil")
            assert thief.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(b"good")
        assert control.reply().code == 226
        assert control.get(f"{folder}/file") == b"good"

    def test_a_client_of_another_address_is_served_from_there(self, connect):
        client = connect(source="127.0.0.4")
        port = client.passive_port()
        sock = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.4", 0))
        with sock:
            assert client.ask("LIST /").code == 150
            assert b"main.py" in client.rest(sock)
        assert client.reply().code == 226


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


def test_no_password_is_on_the_console_in_stat_or_in_the_log(connect, control, board):
    session = connect(None)
    session.ask("USER admin")
    assert session.ask("PASS a-wrong-and-secret-word").code == 530
    assert session.ask("PASS").code in (501, 503)
    log = control.ask("SITE log 100").text
    telling = board.console + control.ask("STAT").text + control.ask("SITE who").text + log

    assert "ftp/login" in telling, "logins are told"
    for secret in ("a-wrong-and-secret-word", "secret", "write", "pbkdf2"):
        assert not re.search(rf'password["=: ]+{secret}|PASS {secret}', telling)
    assert "a-wrong-and-secret-word" not in telling
    assert "pbkdf2-sha256" not in board.console
