"""MFMT and its older forms: the client's time is kept and shown, or refused."""

import pytest

from tests.ftp.mfmt.conftest import WHEN, keep, shown


class TestShown:
    """Everything that shows a file's time shows the client's."""

    def test_by_mdtm_mlst_mlsd_list_and_stat(self, control, path):
        assert shown(control, path) == WHEN

    @pytest.mark.parametrize(
        "when",
        [
            "19700101000001", "19991231235959", "20000101000000", "20000229120000",
            "20240229235959", "20380119031408", "20991231235959", "21000228000000",
        ],
    )  # fmt: skip
    def test_times_of_long_ago_and_of_later(self, control, path, when):
        keep(control, path, when)

        assert shown(control, path) == when

    def test_to_other_sessions_and_to_readers(self, connect, path):
        assert shown(connect("reader"), path) == WHEN

    def test_on_the_card(self, control, board):
        (board.card / "file").write_bytes(b"x")
        keep(control, "/sd/file")

        assert shown(control, "/sd/file") == WHEN

    def test_in_the_root(self, control):
        control.put("/in-the-root", b"x")
        keep(control, "/in-the-root")

        assert shown(control, "/in-the-root") == WHEN
        assert control.ask("DELE /in-the-root").code == 250

    def test_names_with_blanks_and_relative_ones(self, control, folder):
        control.put(f"{folder}/ a file ", b"x")
        control.ask(f"CWD {folder}")

        assert control.ask(f"MFMT {WHEN}  a file ").text == f"213 Modify={WHEN};  a file "

        assert shown(control, f"{folder}/ a file ") == WHEN

    def test_a_fraction_of_a_second_is_cut_off(self, control, path):
        assert control.ask(f"MFMT 20100101000000.125 {path}").text.startswith(
            "213 Modify=20100101000000;"
        )
        assert shown(control, path) == "20100101000000"

    def test_the_last_one_counts(self, control, path):
        keep(control, path, "20101010101010")
        keep(control, path, "20111111111111")

        assert shown(control, path) == "20111111111111"

    def test_many_files_of_one_second_keep_theirs_apart(self, control, folder):
        """As a mirror sends them: all empty, all stored in one second."""
        whens = {f"{folder}/{n}/__init__.py": f"2015010100{n:02}00" for n in range(12)}
        for path, when in whens.items():
            control.ask(f"MKD {path.rpartition('/')[0]}")
            control.put(path, b"")
            keep(control, path, when)

        assert {path: shown(control, path) for path in whens} == whens


class TestRefused:
    """501 for what is no time, 550 for what has none."""

    @pytest.mark.parametrize(
        "when",
        [
            "20021317210715", "20020017210715", "20020732210715", "20020700210715",
            "20010229000000", "21000229000000", "20020717240000", "20020717216000",
            "20020717210760", "19691231235959", "2002071721071", "200207172107155",
            "2002071721071x", "-0020717210715", "20020717210715.", "20020717210715.x",
            "21070101000000", "99991231235959", "00000000000000", "2002-07-17", "x",
        ],
    )  # fmt: skip
    def test_what_is_no_time(self, control, path, when):
        assert control.ask(f"MFMT {when} {path}").code == 501

        assert shown(control, path) == WHEN

    def test_without_a_path(self, control):
        for arg in ("", f" {WHEN}", f" {WHEN} "):
            assert control.ask(f"MFMT{arg}").code == 501

    def test_what_is_missing_and_folders(self, control, folder):
        assert control.ask(f"MFMT {WHEN} {folder}/none").code == 550
        assert control.ask(f"MFMT {WHEN} {folder}").code == 550
        assert control.ask(f"MFMT {WHEN} /").code == 550

    def test_who_may_not_write(self, connect, path):
        assert connect("reader").ask(f"MFMT 20200101000000 {path}").code == 550
        assert connect("writer").ask(f"MFMT {WHEN} /config.json").code == 550
        assert shown(connect(), path) == WHEN

    def test_a_file_in_transfer(self, control, connect, path):
        session = connect()
        sock = session.begin(f"STOR {path}")

        assert control.ask(f"MFMT {WHEN} {path}").code == 450

        sock.close()
        assert session.reply().code == 226


class TestOlderForms:
    """MDTM with a time before the path: what ncftp sends."""

    def test_mdtm_with_a_time_sets_it(self, control, path):
        assert control.ask(f"MDTM 20050505050505 {path}").text.startswith("213 ")

        assert shown(control, path) == "20050505050505"

    def test_a_file_whose_name_begins_so_is_only_asked_for(self, control, path, folder):
        control.ask(f"CWD {folder}")
        control.put("20050505050505 file", b"x")
        keep(control, "20050505050505 file", "20060606060606")

        assert control.ask("MDTM 20050505050505 file").text == "213 20060606060606"
        assert control.ask("MDTM file").text == f"213 {WHEN}"

    def test_a_reader_sets_nothing(self, connect, path):
        assert connect("reader").ask(f"MDTM 20050505050505 {path}").code == 550
