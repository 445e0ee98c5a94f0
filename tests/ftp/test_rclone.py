"""rclone: sync a folder to the board and back, check it, and again with nothing to do."""

import os

import pytest

LONG_AGO = 1_000_000_000  # 2001-09-09 01:46:40


@pytest.fixture
def rclone(program, board):
    """Run rclone with arguments in which {} is the board's root; returns the finished process."""
    return runner(program, board)


def runner(program, board, *options, more="", concurrency=4):
    obscured = program("rclone", "obscure", "secret").stdout.strip()
    login = f"host=127.0.0.1,port={board.port},user=admin,pass={obscured}"
    remote = f":ftp,{login},concurrency={concurrency}{more}:"
    options = ("--config", "", "--retries", "1", "-v", *options)

    def run(*arguments, **keywords):
        arguments = [part.format(remote) for part in arguments]
        return program("rclone", *options, *arguments, **keywords)

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


def test_sync_goes_by_time_too_and_keeps_it_both_ways(rclone, program, folder, local):
    """rclone takes MFMT for setting times and MLST's modify for reading them."""
    for number, path in enumerate(sorted(path for path in local.rglob("*") if path.is_file())):
        os.utime(path, (LONG_AGO + number, LONG_AGO + number))
    first = rclone("sync", str(local), "{}" + folder).stderr
    assert "SetModTime" not in first

    assert "Copied" not in rclone("sync", str(local), "{}" + folder).stderr
    (local / "file 1").write_bytes(b"\2" * 3000)  # newer, of the same size
    assert rclone("sync", str(local), "{}" + folder).stderr.count("Copied") == 1
    back = program.folder / "back"
    rclone("sync", "{}" + folder, str(back))
    assert "Copied" not in rclone("sync", "{}" + folder, str(back)).stderr

    for path in (path for path in local.rglob("*") if path.is_file()):
        found = (back / path.relative_to(local)).stat()
        assert int(found.st_mtime) == int(path.stat().st_mtime)


def test_check_reads_both_sides_and_finds_what_differs(rclone, folder, local):
    rclone("copy", str(local), "{}" + folder)
    assert "0 differences found" in rclone("check", "--download", str(local), "{}" + folder).stderr
    (local / "file 1").write_bytes(b"\2" * 3000)  # of the same size

    done = rclone("check", "--download", str(local), "{}" + folder, ok=False)

    assert done.returncode == 1
    assert "1 differences found" in done.stderr


def test_single_commands(rclone, folder, local, control):
    rclone("copyto", str(local / "file 0"), "{}" + f"{folder}/renamed")
    rclone("mkdir", "{}" + f"{folder}/made/deep")
    rclone("moveto", "{}" + f"{folder}/renamed", "{}" + f"{folder}/made/moved")

    found = rclone("lsf", "-R", "{}" + folder).stdout.splitlines()
    assert sorted(found) == ["made/", "made/deep/", "made/moved"]
    assert rclone("cat", "--count", "5", "{}" + f"{folder}/made/moved").stdout == "\0" * 5
    rclone("rcat", "{}" + f"{folder}/piped", text="from a pipe")
    assert control.get(f"{folder}/piped") == b"from a pipe"
    rclone("purge", "{}" + f"{folder}/made")
    assert control.names(folder) == ["piped"]


def test_a_folder_that_is_there_is_550_also_while_something_in_it_is_stored(connect, folder):
    """Two transfers of rclone begin with the same MKD; it takes 550 for good, 450 for failed."""
    assert connect().ask(f"MKD {folder}/sub").code == 257
    storing = connect()
    data = storing.begin(f"STOR {folder}/sub/file")

    assert connect().ask(f"MKD {folder}/sub").code == 550
    assert connect().ask(f"MKD {folder}/sub/file").code == 450
    assert connect().ask(f"RMD {folder}/sub").code == 450

    data.close()
    assert storing.reply().code == 226


@pytest.mark.parametrize("limits", [{"max_sessions": 2, "max_sockets": 0}, {"max_sockets": 5}])
def test_a_board_with_few_sessions(program, power_up, local, limits):
    """concurrency=2 is what two sessions can do; a Pico W's five sockets are two sessions."""
    rclone = runner(program, power_up(limits), concurrency=2)

    for number in range(3):
        copied = rclone("copy", str(local), "{}" + f"/{number}").stderr
        assert copied.count("Copied (new)") == 6
    assert "0 differences found" in rclone("check", "--download", str(local), "{}/2").stderr


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


def test_sync_and_check_over_tls_and_again(program, ftps_board, ftps_folder, local):
    program.environment["SSL_CERT_FILE"] = str(ftps_board.certificate)
    rclone = runner(program, ftps_board, more=",explicit_tls=true")
    there = "{}" + ftps_folder

    assert rclone("sync", str(local), there).stderr.count("Copied (new)") == 6
    assert "0 differences found" in rclone("check", "--download", str(local), there).stderr
    assert "Copied" not in rclone("sync", str(local), there).stderr


def test_a_certificate_that_nobody_vouches_for_is_refused(program, ftps_board):
    rclone = runner(program, ftps_board, "--contimeout", "3s", more=",explicit_tls=true")

    done = rclone("lsf", "--low-level-retries", "1", "{}", ok=False)

    assert done.returncode != 0
    assert "certificate" in done.stderr
