"""Access: before login, roles, roots, secrets, ports, whose data connection, wrong passwords."""

import contextlib
import ftplib
import io
import itertools
import re
import socket
import time

import pytest

ADDRESSES = itertools.count(1)
ROLES = {
    "admin": {"password": "secret", "role": "admin"},
    "writer": {"password": "write", "role": "write"},
    "reader": {"password": "read", "role": "read"},
}
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
    WAYS = ("/{}", "{}", "//{}", "/./{}", "/site/../{}", "/lib/.././/{}")

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


class TestSight:
    """What a user may not see is not there: the answers are those of a missing file."""

    PROTECTED = (
        "/config.json",
        "/config.last",
        "/boot.json",
        "/log",
        "/log/outpost.log",
        "/prev",
        "/next",
        "/next/manifest.json",
        "/tls",
        "/tls/key.der",
        # What FAT would take for the same.
        "/CONFIG.JSON",
        "/Log/outpost.log",
        "/log./outpost.log",
        "/LOG ",
        "/config~1.jso",
    )
    READING = ("RETR", "SIZE", "MDTM", "MLST", "STAT", "LIST", "NLST", "MLSD", "CWD", "HASH")
    WRITING = ("RNFR", "DELE", "RMD", "XRMD")
    MISSING = "550 No such file or directory."

    FILES = (
        "/next/manifest.json",
        "/tls/key.der",
        "/tls/cert.der",
        "/.dark/file",
        "/.hidden",
    )

    @pytest.fixture(scope="class")
    @classmethod
    def board(cls, power_up):
        """A board that has all of them, so that the file system's own answer is another."""
        board = power_up(files=dict.fromkeys(cls.FILES, "{}"))
        with contextlib.closing(ftplib.FTP()) as session:
            session.connect("127.0.0.1", board.port, timeout=20)
            session.login("admin", "secret")
            session.mkd("/prev")  # only now: of an earlier life it is left over, and swept away
            session.storbinary("STOR /prev/0", io.BytesIO(b"{}"))
        return board

    @pytest.mark.parametrize("path", PROTECTED)
    @pytest.mark.parametrize("user", ["reader", "writer"])
    def test_what_is_protected_is_missing(self, connect, user, path):
        session = connect(user)
        session.passive_port()
        verbs = self.READING + (self.WRITING if user == "writer" else ())
        for verb in verbs:
            there = session.ask(f"{verb} {path}")
            missing = session.ask(f"{verb} /nothing-there")
            assert there == missing, (verb, there, missing)
            assert there.code in (550, 500, 502), (verb, there)

    @pytest.mark.parametrize("path", PROTECTED)
    @pytest.mark.parametrize("command", ["STOR", "APPE", "MKD", "RNTO"])
    def test_nothing_is_put_there(self, connect, control, folder, command, path):
        writer = connect("writer")
        writer.put(f"{folder}/mine", b"{}")
        assert writer.ask(f"RNFR {folder}/mine").code == 350
        writer.passive_port()

        assert writer.ask(f"{command} {path}").text == self.MISSING

        assert control.names(folder) == ["mine"]

    @pytest.mark.parametrize("verb", ["LIST /", "NLST /", "MLSD /", "NLST /*", "LIST -a /"])
    def test_listings_are_silent_of_it(self, connect, verb):
        for user, hidden in (("reader", True), ("writer", False)):
            text = connect(user).fetch(verb).decode()
            names = [line.split()[-1].rpartition("/")[2] for line in text.splitlines()]
            assert "main.py" in names
            for path in ("boot.json", "config.json", "log", "next", "prev", "tls"):
                assert path not in names, (user, path)
            assert (".hidden" not in names) == hidden, user

    @pytest.mark.parametrize("command", ["LIST -R /", "LIST -aR", "NLST /*/*", "LIST */*"])
    def test_nor_does_it_show_below_other_folders(self, connect, command):
        hidden = (b"outpost.log", b"manifest.json", b"cert.der", b"key.der", b"config.json")
        for user in ("reader", "writer"):
            text = connect(user).fetch(command)
            assert b"page.html" in text or b"index.html" in text
            for name in hidden:
                assert name not in text, (user, name)
        assert b".hidden" not in connect("reader").fetch("LIST -aR /")
        assert b"dark" not in connect("reader").fetch("LIST -aR /")
        text = connect().fetch(command)
        assert b"key.der" not in text
        assert b"cert.der" in text, "an admin sees the rest"

    @pytest.mark.parametrize("path", ["/.hidden", "/.dark", "/.dark/file", "/lib/../.hidden"])
    def test_readers_see_no_hidden_files(self, connect, path):
        session = connect("reader")
        session.passive_port()

        for verb in self.READING:
            there = session.ask(f"{verb} {path}")
            assert there == session.ask(f"{verb} /nothing-there"), verb
            assert there.code in (550, 500, 502)
        assert connect("writer").ask("SIZE /.hidden").code == 213

    def test_admins_see_it_all_but_for_the_key(self, control):
        names = control.names("/")
        for name in ("boot.json", "config.json", "log", "next", "prev", "tls", ".hidden"):
            assert name in names
        assert control.names("/tls") == ["cert.der"]
        assert control.get("/tls/cert.der") == b"{}"

    def test_the_key_is_read_by_nobody_and_replaced_by_admins(self, control):
        control.passive_port()
        for verb in (*self.READING, "RNFR"):
            there = control.ask(f"{verb} /tls/key.der")
            assert there == control.ask(f"{verb} /tls/nothing-there"), verb
        assert control.ask("RNFR /tls").code == 550, "nor with its folder"
        assert control.ask("ABOR").code == 225

        control.put("/tls/key.der", b"another")
        control.put("/tls/key.new", b"a third")
        assert control.ask("RNFR /tls/key.new").code == 350
        assert control.ask("RNTO /tls/key.der").code == 250
        assert control.ask("DELE /tls/key.der").code == 250
        control.put("/tls/key.der", b"{}")

    def test_an_unfinished_upload_is_touched_by_nobody(self, connect, control, folder):
        uploading = connect("writer")
        data = uploading.begin(f"STOR {folder}/file")
        data.sendall(b"x")
        number = re.search(r"(\d+)  writer .* STOR ", control.ask("SITE who").text)[1]
        part = f"{folder}/.upload-{number}"
        writer = connect("writer")
        writer.passive_port()

        for verb in ("DELE", "RNFR", "RETR", "SIZE"):
            assert writer.ask(f"{verb} {part}").text == self.MISSING
        assert control.ask(f"DELE {part}").code == 450

        data.close()
        assert uploading.reply().code == 226

    def test_site_who_tells_no_paths_of_others(self, connect, control):
        data = control.begin("STOR /next/unheard-of")
        data.sendall(b"x")

        assert "STOR" in connect("writer").ask("SITE who").text
        for user in ("writer", "reader"):
            assert "unheard-of" not in connect(user).ask("SITE who").text
        assert "STOR" not in connect("reader").ask("SITE who").text
        assert "/next/unheard-of" in connect().ask("SITE who").text

        data.close()
        assert control.reply().code == 226


class TestProtected:
    """ftp.protected, and a root of one's own inside of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def vault(cls, power_up):
        users = ROLES | {"logs": {"password": "logs", "role": "read", "root": "/log"}}
        users |= {"deep": {"password": "deep", "role": "write", "root": "/data/keys/deep"}}
        paths = ("/data/a.secret", "/data/a.public", "/data/keys/deep/one", "/other/file")
        protected = ["/log", "/data/keys", "/data/*.secret"]
        return power_up({"users": users, "protected": protected}, files=dict.fromkeys(paths, "x"))

    def test_patterns_protect(self, connect, vault):
        writer = connect("writer", to=vault)

        assert writer.names("/data") == ["a.public"]
        assert writer.ask("SIZE /data/a.secret").code == 550
        assert writer.ask("SIZE /data/a.public").code == 213
        assert writer.ask("CWD /data/keys/deep").code == 550

    def test_a_folder_that_holds_it_keeps_its_name(self, connect, vault):
        writer = connect("writer", to=vault)

        assert writer.ask("RNFR /data").code == 550
        assert writer.ask("RNFR /other").code == 350
        assert connect(to=vault).ask("RNFR /data").code == 350, "an admin may"

    def test_nothing_is_renamed_around_it(self, connect, vault):
        admin = connect(to=vault)
        assert admin.ask("RNFR /data").code == 350
        assert admin.ask("RNTO /data-away").code == 250
        writer = connect("writer", to=vault)
        assert writer.ask("RNFR /other").code == 350
        assert writer.ask("RNTO /data").code == 550

        assert admin.ask("RNFR /data-away").code == 350
        assert admin.ask("RNTO /data").code == 250

    def test_who_has_a_root_there_is_meant_to_see_it(self, connect, vault):
        logs = connect(None, to=vault)
        assert logs.ask("USER logs").code == 331
        assert logs.ask("PASS logs").code == 230
        assert "outpost.log" in logs.names("/")
        deep = connect(None, to=vault)
        assert deep.ask("USER deep").code == 331
        assert deep.ask("PASS deep").code == 230
        deep.put("two", b"x")
        assert deep.names("/") == ["one", "two"]
        assert deep.ask("DELE two").code == 250


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
        board.kill()

    @pytest.mark.parametrize("password", [None, ""])
    def test_no_other_user_does_without_a_password(self, power_up, connect, password):
        board = power_up({"users": ROLES | {"eve": {"password": password, "root": "/lib"}}})
        eve = connect(None, to=board)
        eve.ask("USER eve")
        assert eve.ask("PASS x").code == 530
        board.kill()


class TestInTransfer:
    """What is being transferred stays what it is, where it is: 450, and later it may be done."""

    @pytest.fixture
    def reading(self, connect, control, folder):
        """A file in a folder, being read: -> (folder, a session to try things with)."""
        assert control.ask(f"MKD {folder}/inner").code == 257
        control.put(f"{folder}/inner/file", bytes(3_000_000))
        slow = connect()
        data = slow.begin(f"RETR {folder}/inner/file", small=True)
        yield f"{folder}/inner", connect("writer")
        assert len(slow.rest(data)) == 3_000_000, "the reader has got the whole file"
        assert slow.reply().code == 226

    def test_it_is_not_removed_renamed_or_written(self, reading):
        inner, writer = reading
        writer.passive_port()
        for command in (
            f"DELE {inner}/file",
            f"RNFR {inner}/file",
            f"STOR {inner}/file",
            f"APPE {inner}/file",
            f"RMD {inner}",
            f"RNFR {inner}",
        ):
            assert writer.ask(command).code == 450, command

    def test_nothing_is_renamed_over_it(self, reading):
        inner, writer = reading
        writer.put(f"{inner}/other", b"x")
        assert writer.ask(f"RNFR {inner}/other").code == 350
        assert writer.ask(f"RNTO {inner}/file").code == 450

    def test_the_second_writer_hears_450(self, connect, control, folder):
        control.put(f"{folder}/file", b"old")
        data = control.begin(f"STOR {folder}/file")
        data.sendall(b"first")
        second = connect("writer")
        second.passive_port()

        for command in ("STOR", "APPE", "RETR", "DELE", "RNFR"):
            assert second.ask(f"{command} {folder}/file").code == 450, command

        data.close()
        assert control.reply().code == 226
        assert control.get(f"{folder}/file") == b"first"

    def test_a_folder_goes_neither_into_itself_nor_over_another(self, control, folder):
        for name in ("one", "one/deep", "two"):
            assert control.ask(f"MKD {folder}/{name}").code == 257
        control.put(f"{folder}/file", b"x")
        for old, new in (
            ("one", "one/deep/one"),
            ("one", "one/new"),
            ("one", "two"),
            ("one", "file"),
            ("file", "two"),
        ):
            assert control.ask(f"RNFR {folder}/{old}").code == 350
            assert control.ask(f"RNTO {folder}/{new}").code == 553, (old, new)
        assert control.names(folder) == ["file", "one", "two"]
        assert control.names(f"{folder}/one") == ["deep"]


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


def test_no_secret_is_in_a_reply_the_log_or_an_event(power_up, connect):
    """The console shows every event. RETR of config.json by an admin is the one way there is."""
    secrets = ["k3y-of-the-air", "k3y-of-the-broker", "k3y-of-ann", "k3y-that-is-wrong"]
    users = ROLES | {"ann": {"password": secrets[2], "role": "read"}}
    sections = {
        "network": {"ssid": "air", "password": secrets[0]},
        "telemetry": {"broker": f"mqtt://bob:{secrets[1]}@127.0.0.1:1"},
        "log": {"level": "DEBUG"},
    }
    board = power_up({"users": users, "lockout_s": 5}, sections)
    ann = connect(None, to=board)
    assert ann.ask("USER ann").code == 331
    assert ann.ask(f"PASS {secrets[3]}").code == 530
    assert ann.ask(f"PASS {secrets[2]}").code == 503
    assert ann.ask("USER ann").code == 331
    assert ann.ask(f"PASS {secrets[2]}").code == 230
    assert ann.ask(f"PASS {secrets[2]}").code == 230
    assert ann.ask(f"USER {secrets[2]}").text.endswith(f"for {secrets[2]}."), "its own words"
    assert ann.ask(f"PASS {secrets[3]}").code == 530
    admin = connect(to=board)
    told = [board.console]
    for command in ("STAT", "SITE who", "SITE log 100", "SITE log crash", "SITE help", "FEAT"):
        told.append(admin.ask(command).text)
    for verb in ("LIST /", "MLSD /", "RETR /log/outpost.log"):
        told.append(admin.fetch(verb).decode())
    told = "\n".join(told) + board.console

    assert "ftp/login" in told, "logins are told"
    for secret in (*secrets, "pbkdf2-sha256"):
        assert secret not in told
    board.stop()
    assert secrets[2].encode() not in board.read("/config.json")


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


def test_the_archives_mount_point_is_no_place_for_anybody(control):
    """boot.py mounts the modules there: what is in it is not the user's to see or to change."""
    for folder in ("/", ""):
        names = [
            line.split()[-1] for line in control.fetch(f"LIST -a {folder}").decode().splitlines()
        ]
        assert "outpost.bin" in names
        assert ".o" not in names
    for command in (
        *("CWD /.o", "STAT /.o", "MLST /.o", "SIZE /.o/daemon.mpy", "RMD /.o", "RNFR /.o"),
        *("MKD /.o", "MKD /.o/x", "DELE /.o/daemon.mpy", "MDTM /.o/hal/files.mpy"),
    ):
        assert control.ask(command).code in (550, 553), command
    assert control.ask("PASV").code == 227
    assert control.ask("STOR /.o/daemon.mpy").code in (550, 553)
    assert control.ask("TYPE I").code == 200
    assert int(control.ask("SIZE /outpost.bin").text.split()[-1]) > 100_000
