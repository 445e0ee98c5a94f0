"""rclone: sync a folder to the board and back, check it, and again with nothing to do."""

import pytest


@pytest.fixture
def rclone(program, board):
    """Run rclone with arguments in which {} is the board's root; returns the finished process."""
    obscured = program("rclone", "obscure", "secret").stdout.strip()
    remote = f":ftp,host=127.0.0.1,port={board.port},user=admin,pass={obscured},concurrency=4:"

    def run(*arguments):
        options = ("--config", "", "--retries", "1", "-v")
        return program("rclone", *options, *(part.format(remote) for part in arguments))

    return run


@pytest.fixture
def local(program):
    """A folder of files on the host."""
    folder = program.folder / "tree"
    (folder / "sub").mkdir(parents=True)
    for number in range(5):
        (folder / f"file {number}").write_bytes(bytes([number]) * 3000)
    (folder / "sub" / "ünï").write_text("deep")
    return folder


def test_sync_check_and_again_with_nothing_to_do(rclone, folder, local):
    assert "Copied (new)" in rclone("sync", str(local), "{}" + folder).stderr

    checked = rclone("check", "--size-only", str(local), "{}" + folder)
    assert "0 differences found" in checked.stderr
    again = rclone("sync", "--size-only", str(local), "{}" + folder)
    assert "Copied" not in again.stderr
    assert "There was nothing to transfer" in again.stderr


def test_what_is_gone_here_is_deleted_there_and_comes_back(rclone, program, folder, local):
    rclone("sync", str(local), "{}" + folder)
    (local / "file 0").unlink()

    assert "Deleted" in rclone("sync", "--size-only", str(local), "{}" + folder).stderr
    rclone("copy", "{}" + folder, str(program.folder / "back"))

    back = program.folder / "back"
    assert {path.relative_to(back) for path in back.rglob("*")} == {
        path.relative_to(local) for path in local.rglob("*")
    }
    assert (back / "sub" / "ünï").read_text() == "deep"
