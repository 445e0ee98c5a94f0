"""Roles and roots: who may change files, and that no path leaves a user's root."""

import pytest


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
