"""lftp: mirror both ways, put, get, pipelining, and what its own commands ask."""

import pytest


@pytest.fixture
def lftp(program, board):
    """Run lftp's commands in a session, pipelined (sync-mode off) or not."""

    def run(*commands, sync="on", ok=True):
        settings = (
            f"set ftp:sync-mode {sync}",
            "set net:timeout 20",
            "set net:max-retries 1",
            "set cmd:fail-exit yes",
            "set ftp:ssl-allow no",
        )
        script = "; ".join((*settings, f"open -u admin,secret ftp://127.0.0.1:{board.port}"))
        return program("lftp", "-c", "; ".join((script, *commands)), ok=ok)

    return run


SYNC = pytest.mark.parametrize("sync", ["on", "off"])


@pytest.fixture
def local(program):
    """A tree of 30 files in three folders."""
    for sub in ("", "one", "one/two"):
        folder = program.folder / "tree" / sub
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(10):
            (folder / f"file{number}").write_bytes(f"{sub} {number}\n".encode() * 50 * number)
    return program.folder / "tree"


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@SYNC
def test_put_and_get(lftp, program, folder, sync):
    (program.folder / "up").write_bytes(b"\r\n\n\0" * 5000)

    lftp(f"cd {folder}", "put up", "get up -o down", sync=sync)

    assert (program.folder / "down").read_bytes() == b"\r\n\n\0" * 5000


@SYNC
def test_mirror_up_and_down_is_the_same_tree(lftp, program, folder, local, sync):
    lftp(f"mirror -R tree {folder}/tree", sync=sync)
    lftp(f"mirror {folder}/tree back", sync=sync)

    assert content(program.folder / "back") == content(local)


def test_mirror_with_several_connections(lftp, program, folder, local):
    lftp(f"mirror -R --parallel=4 tree {folder}/tree")
    lftp(f"mirror --parallel=4 {folder}/tree back")

    assert content(program.folder / "back") == content(local)


def test_mirror_sends_a_changed_file_and_leaves_the_others(lftp, folder, local, control):
    lftp(f"mirror -R tree {folder}/tree")
    (local / "file1").write_bytes(b"changed, and longer than it was" * 30)

    done = lftp(f"mirror -R --no-perms --verbose=3 tree {folder}/tree")

    assert control.get(f"{folder}/tree/file1") == (local / "file1").read_bytes()
    assert done.stdout.count("Transferring file") == 1, done.stdout


def test_mirror_of_a_changed_file_is_a_success_to_lftp(lftp, folder, local):
    lftp(f"mirror -R --verbose=3 tree {folder}/tree")
    (local / "file1").write_bytes(b"changed, and longer than it was" * 30)

    lftp(f"mirror -R --verbose=3 tree {folder}/tree")


def test_mirror_delete_removes_what_is_gone(lftp, folder, local, control):
    lftp(f"mirror -R tree {folder}/tree")
    (local / "file1").unlink()

    lftp(f"mirror -R --delete tree {folder}/tree")

    assert "file1" not in control.names(f"{folder}/tree")
    assert "file2" in control.names(f"{folder}/tree")


@SYNC
def test_a_resumed_download_is_whole(lftp, program, folder, control, sync):
    whole = bytes(range(256)) * 200
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole)
    (program.folder / "file").write_bytes(whole[:20_000])

    lftp(f"cd {folder}", "get -c file", sync=sync)

    assert (program.folder / "file").read_bytes() == whole


def test_what_people_type(lftp, folder, control):
    control.put(f"{folder}/file", b"some text\r\n")

    done = lftp(
        f"cd {folder}",
        "pwd",
        "ls",
        "cls -l",
        "mkdir sub",
        "mv file sub/moved",
        "cat sub/moved",
        "du -s .",
        "find",
        "quote SITE df",
        "rm sub/moved",
        "rmdir sub",
    )

    assert f":{control.port}{folder}" in done.stdout
    assert "some text" in done.stdout
    assert "./sub/moved" in done.stdout
    assert "flash" in done.stdout
    assert control.names(folder) == []


@pytest.mark.parametrize("passive", ["on", "off"])
def test_passive_and_active(lftp, folder, control, passive):
    control.put(f"{folder}/file", b"x")

    done = lftp(f"set ftp:passive-mode {passive}", f"ls {folder}")

    assert done.stdout.rstrip().endswith(" file")
