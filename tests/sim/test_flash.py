"""The flash image: one file system for host and board, and what deploying onto it keeps."""

import hashlib
import time

import pytest
from outpost.bundle import DeviceFile, digest
from outpost.sim.boards import BOARDS, default
from outpost.sim.flash import Flash, FlashError, in_use
from outpost.sim.prepare import prepare

ESP32 = BOARDS["esp32"]  # deepsleep() ends it; of a Pico W it is a reset


@pytest.fixture
def image(tmp_path):
    return tmp_path / "flash.img"


def files(**texts):
    """A bundle of these modules: main="..." is /main.py."""
    return [DeviceFile(f"/{name}.py", text.encode()) for name, text in sorted(texts.items())]


class TestBothSides:
    def test_the_board_reads_what_the_host_wrote_with_its_time(self, start_board, tree, image):
        with Flash(image, board=ESP32) as flash:
            flash.write("/deep/er/text", b"x" * 10_000)
            flash.write("/name with ü", b"")
        board = start_board(
            tree(
                "import os\nprint(len(open('/deep/er/text').read()), os.stat('/deep/er/text')[8],"
                " 'name with ü' in os.listdir())\nimport machine\nmachine.deepsleep()"
            ),
            flash=image,
            ftp=False,
            profile=ESP32,
        )

        assert board.wait_end(10) == "asleep"
        size, written, found = board.console.split()
        assert (size, found) == ("10000", "True")
        assert abs(int(written) - time.time()) < 60

    def test_the_host_reads_what_the_board_wrote_with_its_time(self, start_board, tree, image):
        text = """
            import machine, os
            os.mkdir("/made")
            for n in range(50):
                with open("/made/%d" % n, "w") as f:
                    f.write("line %d " % n * n)
            os.remove("/made/7")
            os.rename("/made/8", "/eight")
            machine.deepsleep()
        """
        board = start_board(tree(text), flash=image, ftp=False, clock="real", profile=ESP32)
        assert board.wait_end(10) == "asleep"

        with Flash(image) as flash:
            names = {path for path in flash.paths() if not path.endswith(".py")}
            assert names == {f"/made/{n}" for n in range(50) if n not in (7, 8)} | {"/eight"}
            assert flash.read("/made/49") == b"line 49 " * 49
            assert abs(flash.mtime("/made/49") - time.time()) < 60

    def test_the_host_mounts_what_micropython_formatted(self, micropython, image):
        image.write_bytes(b"\xff" * default().flash)
        micropython(
            """
            import sys, vfs
            class Chip:
                def __init__(self, path):
                    self.file = open(path, "r+b")
                def readblocks(self, block, buffer, offset=0):
                    self.file.seek(block * 4096 + offset)
                    self.file.readinto(buffer)
                def writeblocks(self, block, buffer, offset=0):
                    self.file.seek(block * 4096 + offset)
                    self.file.write(buffer)
                def ioctl(self, operation, argument):
                    return {4: int(sys.argv[2]), 5: 4096, 6: 0}.get(operation)
            chip = Chip(sys.argv[1])
            vfs.VfsLfs2.mkfs(chip, progsize=int(sys.argv[3]))
            vfs.mount(vfs.VfsLfs2(chip, progsize=int(sys.argv[3])), "/flash")
            with open("/flash/hello", "w") as f:
                f.write("there")
            vfs.umount("/flash")
            """.replace("\n            ", "\n"),
            image,
            default().blocks,
            default().program,
        )

        with Flash(image) as flash:
            assert flash.read("/hello") == b"there"
            flash.write("/back", b"again")

    @pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
    def test_a_chip_is_as_large_as_its_board_has_it(self, image, board):
        with Flash(image, board=board) as flash:
            flash.write("/hello", b"there")

        assert image.stat().st_size == board.blocks * 4096
        with Flash(image) as flash:
            assert flash.read("/hello") == b"there"

    def test_a_chip_of_another_board_is_refused(self, image):
        with Flash(image, board=BOARDS["desk"]):
            pass

        with pytest.raises(FlashError, match=r"no flash image of the board esp32.*--board"):
            Flash(image, board=BOARDS["esp32"])


class TestDeploy:
    def test_only_what_changed_is_written(self, image):
        with Flash(image) as flash:
            first = files(main="1", other="2")
            assert flash.deploy(first, digest(first)) == ["/main.py", "/other.py"]
            second = files(main="1", other="3")
            assert flash.deploy(second, digest(second)) == ["/other.py"]
            assert flash.read("/other.py") == b"3"

    def test_what_the_user_put_there_stays(self, image):
        bundle = files(main="1", other="2")
        with Flash(image) as flash:
            flash.deploy(bundle, digest(bundle))
            flash.write("/other.py", b"mine")
            flash.write("/data.txt", b"mine too")
        with Flash(image) as flash:
            assert flash.deploy(bundle, digest(bundle)) == []
            assert flash.read("/other.py") == b"mine"
            newer = files(main="2", other="2")
            flash.deploy(newer, digest(newer))
            assert flash.read("/data.txt") == b"mine too"

    def test_a_module_has_one_form(self, image):
        compiled = [DeviceFile("/main.py", b"1"), DeviceFile("/other.mpy", b"M")]
        source = files(main="1", other="2")
        with Flash(image) as flash:
            flash.deploy(source, digest(source))
            flash.deploy(compiled, digest(compiled))
            assert set(flash.paths()) == {"/main.py", "/other.mpy"}
            flash.deploy(source, digest(source))
            assert set(flash.paths()) == {"/main.py", "/other.py"}

    def test_an_unchanged_image_is_not_written_at_all(self, image, tree):
        folder = tree("print(1)")
        settings = {"ftp": {"port": 2121}}
        prepare(image, folder, settings=settings)
        before = hashlib.sha256(image.read_bytes()).digest()

        assert prepare(image, folder, settings=settings) == []

        assert hashlib.sha256(image.read_bytes()).digest() == before

    def test_fresh_forgets_everything(self, image):
        with Flash(image) as flash:
            flash.write("/data.txt", b"old")
        with Flash(image, fresh=True) as flash:
            assert list(flash.paths()) == []


class TestConfig:
    def prepared(self, image, tree, text, **options):
        """What config.json says after prepare, and its notes."""
        folder = tree("print(1)")
        if text is not None:
            with Flash(image) as flash:
                flash.write("/config.json", text)
        notes = prepare(image, folder, **options)
        with Flash(image) as flash:
            return flash.read("/config.json"), notes

    def test_settings_are_merged_and_the_rest_is_kept(self, image, tree):
        text = b'{"name": "a", "ftp": {"port": 21, "idle_s": 9}}'

        config, _ = self.prepared(
            image, tree, text, settings={"ftp": {"port": 2121}, "time": {"servers": None}}
        )

        expected = b'{"name":"a","ftp":{"port":2121,"idle_s":9}}'
        assert config.replace(b" ", b"").replace(b"\n", b"") == expected

    @pytest.mark.parametrize("text", [b"{oops", b"[]", b'{"ftp": 5}', b"\xff\xfe"])
    def test_a_damaged_config_is_left_to_the_board(self, image, tree, text):
        config, notes = self.prepared(image, tree, text, settings={"ftp": {"port": 2121}})

        assert config == text
        assert any("damaged" in note for note in notes)

    def test_without_settings_none_is_made(self, image, tree):
        config, _ = self.prepared(image, tree, None, settings={"time": {"servers": None}})

        assert config is None


def test_an_image_serves_one_board_at_a_time(image):
    with in_use(image), pytest.raises(FlashError, match="in use by another"), in_use(image):
        pass
    with in_use(image):
        pass
