"""ncftp: ncftpget, ncftpput, ncftpls, and ncftp itself at a prompt."""

import os
import re

import pytest

USER = ("-u", "admin", "-p", "secret", "-t", "20")


@pytest.fixture
def where(board):
    return ("-P", board.port, *USER)


@pytest.fixture
def prompt(program, board):
    """Type lines at ncftp's prompt; what it said."""

    def run(*lines):
        opened = f"open -u admin -p secret -P {board.port} 127.0.0.1"
        return program("ncftp", text="\n".join([opened, *lines, "quit", ""])).stdout

    return run


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


def test_times_are_kept_both_ways(program, where, folder, control):
    """ncftpput sends MFMT where FEAT names it, ncftpget takes MLST's modify."""
    (program.folder / "up").write_text("x")
    os.utime(program.folder / "up", (1_000_000_000, 1_000_000_000))

    program("ncftpput", *where, "127.0.0.1", folder, "up")
    assert control.ask(f"MDTM {folder}/up").text == "213 20010909014640"
    (program.folder / "down").mkdir()
    program("ncftpget", *where, "127.0.0.1", "down", f"{folder}/up")

    assert (program.folder / "down" / "up").stat().st_mtime == 1_000_000_000


def test_a_resumed_download(program, where, folder, control):
    whole = bytes(range(256)) * 200
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole)
    (program.folder / "file").write_bytes(whole[:20_000])

    program("ncftpget", *where, "-z", "127.0.0.1", ".", f"{folder}/file")

    assert (program.folder / "file").read_bytes() == whole


def test_an_upload_under_another_name_until_it_is_whole(program, where, folder, control):
    (program.folder / "up").write_text("x")

    program("ncftpput", *where, "-T", "part.", "127.0.0.1", folder, "up")

    assert control.names(folder) == ["up"]


def test_what_people_type(prompt, program, folder, control):
    tree = program.folder / "tree" / "sub"
    tree.mkdir(parents=True)
    (tree / "file").write_text("deep\n")
    (program.folder / "a").write_text("one\n")

    said = prompt(
        f"cd {folder}",
        "mkdir made",
        "put a",
        "put -R tree",
        "ls",
        "ls -l",
        "dir",
        "mls",
        "cat tree/sub/file",
        'rename a "b c"',
        'chmod 644 "b c"',
        "umask 022",
        'get -z "b c" back',
        f"get -R {folder}/tree/sub",
        f"cd {folder}",  # get -R leaves ncftp at the root, whatever the server
        "site df",
        "rhelp",
        "quote NOOP",
        "rmdir made",
        "rm tree/sub/file",  # rm -r gives up after MLST, whatever the server
    )

    assert (program.folder / "back").read_text() == "one\n"
    assert (program.folder / "sub" / "file").read_text() == "deep\n"
    assert "deep" in said
    assert re.search(r"^-\S+ +4 +\w{3} \d\d \d\d:\d\d +a$", said, re.M)
    assert re.search(r"^type=dir;.* tree$", said, re.M)
    assert "flash" in said
    assert sorted(control.names(folder)) == ["b c", "tree"]
    assert control.names(f"{folder}/tree/sub") == []


@pytest.mark.parametrize("flags", ["-R", "-lR", "-laR"])
def test_ls_goes_down_into_folders(prompt, folder, control, flags):
    control.ask(f"MKD {folder}/sub")
    control.ask(f"MKD {folder}/sub/deep")
    control.put(f"{folder}/sub/deep/file", b"x")

    said = prompt(f"cd {folder}", f"ls {flags}")

    assert re.search(r"^\S*sub/deep:$", said, re.M), said
    assert re.search(r"\bfile$", said, re.M)


def test_a_missing_file_is_an_error(program, where, folder):
    done = program("ncftpget", *where, "127.0.0.1", ".", f"{folder}/nosuch", ok=False)

    assert done.returncode != 0
