"""The client's time goes along with a renamed file, and goes when the file is another one."""

from tests.ftp.mfmt.conftest import RECORD, TIMES, WHEN, keep, shown

# An application that writes /file when /rewrite is there.
REWRITER = """
import asyncio, os


async def run(status, events):
    while True:
        await asyncio.sleep_ms(20)
        try:
            os.stat("/rewrite")
        except OSError:
            continue
        with open("/file", "w") as file:
            file.write("by the application")
        os.remove("/rewrite")
"""


class TestDropped:
    """What becomes another file has its own time."""

    def test_by_stor_even_in_the_same_second_with_the_same_content(self, control, path):
        for _ in range(5):
            keep(control, path)
            control.put(path, b"content")

            assert shown(control, path) != WHEN

    def test_by_appe(self, control, path):
        assert control.store(f"APPE {path}", b"more").code == 226

        assert shown(control, path) != WHEN

    def test_by_dele_and_a_new_file_of_that_name(self, control, path):
        assert control.ask(f"DELE {path}").code == 250
        control.put(path, b"content")

        assert shown(control, path) != WHEN

    def test_by_whoever_writes_without_ftp(self, control, board):
        (board.card / "written").write_bytes(b"by ftp")
        keep(control, "/sd/written")
        (board.card / "written").write_bytes(b"by another")

        assert shown(control, "/sd/written") != WHEN

    def test_by_the_application(self, power_up, connect, wait_for):
        board = power_up(sections={"app": "app"}, files={"/app.py": REWRITER})
        control = connect(to=board)
        control.put("/file", b"by ftp")
        keep(control, "/file")
        assert shown(control, "/file") == WHEN

        control.put("/rewrite", b"now")
        wait_for(lambda: control.ask("SIZE /rewrite").code == 550, "the application to rewrite it")

        assert shown(control, "/file") != WHEN

    def test_but_not_by_an_upload_that_failed(self, control, connect, path):
        session = connect()
        sock = session.begin(f"STOR {path}")
        sock.sendall(b"con")
        session.reset(sock)
        assert session.reply().code == 426

        assert shown(control, path) == WHEN

    def test_the_table_forgets_what_is_deleted(self, power_up, connect):
        board = power_up()
        control = connect(to=board)
        control.put("/one", b"1")
        control.put("/two", b"2")
        keep(control, "/one")
        keep(control, "/two")
        assert control.ask("DELE /one").code == 250
        board.stop()

        assert len(board.read(TIMES)) == RECORD


class TestRenamed:
    """RNFR and RNTO take it along."""

    def rename(self, control, old, new):
        assert control.ask(f"RNFR {old}").code == 350
        assert control.ask(f"RNTO {new}").code == 250

    def test_a_file(self, control, path, folder):
        self.rename(control, path, f"{folder}/other")

        assert shown(control, f"{folder}/other") == WHEN
        control.put(path, b"content")
        assert shown(control, path) != WHEN

    def test_a_file_into_another_folder(self, control, path, folder):
        control.ask(f"MKD {folder}/sub")
        self.rename(control, path, f"{folder}/sub/file")

        assert shown(control, f"{folder}/sub/file") == WHEN

    def test_a_file_over_one_that_had_a_time(self, control, path, folder):
        control.put(f"{folder}/new", b"content")  # so long, so old: only the name is another
        self.rename(control, f"{folder}/new", path)

        assert shown(control, path) != WHEN

    def test_a_folder_with_all_below(self, control, folder):
        deep = "/a"
        for n in range(4):
            control.ask(f"MKD {folder}{deep}")
            control.put(f"{folder}{deep}/file", b"x")
            keep(control, f"{folder}{deep}/file", f"2003010101010{n}")
            deep += "/sub"
        self.rename(control, f"{folder}/a", f"{folder}/b")

        deep = "/b"
        for n in range(4):
            assert shown(control, f"{folder}{deep}/file") == f"2003010101010{n}"
            deep += "/sub"
