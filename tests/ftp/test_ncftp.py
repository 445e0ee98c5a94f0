"""ncftp: ncftpget, ncftpput, ncftpls."""

import pytest

USER = ("-u", "admin", "-p", "secret", "-t", "20")


@pytest.fixture
def where(board):
    return ("-P", board.port, *USER)


def test_put_and_get(program, where, folder):
    (program.folder / "up").write_bytes(bytes(range(256)) * 300)
    program("ncftpput", *where, "127.0.0.1", folder, "up")

    (program.folder / "down").mkdir()
    program("ncftpget", *where, "127.0.0.1", "down", f"{folder}/up")

    assert (program.folder / "down" / "up").read_bytes() == bytes(range(256)) * 300


def test_a_tree_both_ways(program, where, folder):
    source = program.folder / "tree" / "sub"
    source.mkdir(parents=True)
    (source / "file").write_text("content\n")
    program("ncftpput", *where, "-R", "127.0.0.1", folder, "tree")

    (program.folder / "down").mkdir()
    program("ncftpget", *where, "-R", "127.0.0.1", "down", f"{folder}/tree")

    assert (program.folder / "down/tree/sub/file").read_text() == "content\n"


def test_missing_folders_are_made(program, where, folder, control):
    (program.folder / "up").write_text("x")

    program("ncftpput", *where, "-m", "127.0.0.1", f"{folder}/a/b", "up")

    assert control.names(f"{folder}/a/b") == ["up"]


@pytest.mark.parametrize("mode", ["-F", "-E"])
def test_ls_in_passive_and_active_mode(program, where, folder, control, mode):
    control.put(f"{folder}/file", b"four")

    url = f"ftp://127.0.0.1{folder}/"
    assert program("ncftpls", *where, mode, url).stdout.split() == ["file"]
    assert " 4 " in program("ncftpls", *where, mode, "-l", url).stdout


def test_append(program, where, folder, control):
    control.ask("TYPE I")
    control.put(f"{folder}/up", b"old,")
    (program.folder / "up").write_text("new")

    program("ncftpput", *where, "-A", "127.0.0.1", folder, "up")

    assert control.get(f"{folder}/up") == b"old,new"


def test_a_missing_file_is_an_error(program, where, folder):
    done = program("ncftpget", *where, "127.0.0.1", ".", f"{folder}/nosuch", ok=False)

    assert done.returncode != 0
