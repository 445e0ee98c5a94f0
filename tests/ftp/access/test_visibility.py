"""What a user may not see is missing: protected files, keys, uploads, the archive's modules."""

import contextlib
import ftplib
import io
import re

import pytest

from tests.ftp.access.conftest import ROLES


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
