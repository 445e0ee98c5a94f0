"""lftp: mirror both ways, put, get, pipelining, and what its own commands ask."""

import os
import re

import pytest


@pytest.fixture
def lftp(program, board):
    """Run lftp's commands in a session, pipelined (sync-mode off) or not."""

    def run(*commands, sync="on", ok=True, to=board, tls=("set ftp:ssl-allow no",)):
        settings = (
            f"set ftp:sync-mode {sync}",
            "set net:timeout 20",
            "set net:max-retries 1",
            "set cmd:fail-exit yes",
            *tls,
        )
        script = "; ".join((*settings, f"open -u admin,secret ftp://127.0.0.1:{to.port}"))
        return program("lftp", "-c", "; ".join((script, *commands)), ok=ok)

    return run


LONG_AGO = 1_000_000_000  # 2001-09-09 01:46:40
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


def times(folder):
    return {
        path.relative_to(folder).as_posix(): int(path.stat().st_mtime)
        for path in folder.rglob("file*")
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


def test_a_board_with_one_session(lftp, power_up, program, local):
    """Four sockets seat one; without --parallel lftp is content with it."""
    board = power_up({"max_sockets": 4, "max_sessions": None})

    lftp("mirror -R tree /tree", "mirror /tree back", "mirror -R tree /tree", to=board)

    assert content(program.folder / "back") == content(local)
    assert board.console.count("ftp/login") == 1


def test_mirror_with_several_connections(lftp, program, folder, local):
    lftp(f"mirror -R --parallel=4 tree {folder}/tree")
    lftp(f"mirror --parallel=4 {folder}/tree back")

    assert content(program.folder / "back") == content(local)


@SYNC
def test_mirror_keeps_times_and_again_has_nothing_to_do(lftp, program, folder, local, sync):
    """By time: lftp compares it where the size is the same, and the board keeps lftp's (MFMT)."""
    for number, path in enumerate(sorted(path for path in local.rglob("file*"))):
        os.utime(path, (LONG_AGO + number, LONG_AGO + number))
    up = f"mirror -R --verbose=3 tree {folder}/tree"
    down = f"mirror --verbose=3 {folder}/tree back"

    assert lftp(up, sync=sync).stdout.count("Transferring file") == 30
    assert "Transferring" not in lftp(up, sync=sync).stdout
    assert lftp(down, sync=sync).stdout.count("Transferring file") == 30
    assert "Transferring" not in lftp(down, sync=sync).stdout

    assert times(program.folder / "back") == times(local)


def test_mirror_sends_what_is_newer_here_and_of_the_same_size(lftp, folder, local, control):
    for path in local.rglob("file*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    lftp(f"mirror -R tree {folder}/tree")
    (local / "file3").write_bytes(content(local)["file3"].upper() or b"x")

    done = lftp(f"mirror -R --verbose=3 tree {folder}/tree")

    assert done.stdout.count("Transferring file") == 1, done.stdout
    assert control.get(f"{folder}/tree/file3") == (local / "file3").read_bytes()


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


def test_mirror_without_mlsd_reads_list(lftp, program, folder, local):
    lftp("set ftp:use-mlsd no", f"mirror -R tree {folder}/tree", f"mirror {folder}/tree back")

    assert content(program.folder / "back") == content(local)


@SYNC
def test_pget_in_four_pieces_at_once(lftp, program, folder, control, sync):
    whole = bytes(range(256)) * 1000
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole)

    lftp(
        "set pget:min-chunk-size 10k",
        "set net:limit-rate 20000",  # else one has it all before the others have logged in
        "debug 9 -o log",
        f"pget -n 4 {folder}/file -o file",
        sync=sync,
    )

    assert (program.folder / "file").read_bytes() == whole
    asked = re.findall(r"---> (?:REST (\d+)|RETR)", (program.folder / "log").read_text())
    # What the first has before lftp divides the file, on a slow machine, is none of the rest.
    offsets = sorted(int(offset) for offset in asked if offset)
    assert len(offsets) == 3
    assert offsets[0] >= len(whole) // 4
    ends = [*offsets[1:], len(whole)]
    sizes = [end - begin for begin, end in zip(offsets, ends, strict=True)]
    assert max(sizes) - min(sizes) <= 4, "equal pieces"


@SYNC
def test_a_resumed_upload_is_whole(lftp, program, folder, control, sync):
    whole = bytes(range(256)) * 200
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole[:20_000])
    (program.folder / "file").write_bytes(whole)

    lftp(f"cd {folder}", "reput file", sync=sync)

    assert control.get(f"{folder}/file") == whole


@SYNC
def test_mput_and_mget_by_globs(lftp, program, folder, local, control, sync):
    lftp(f"cd {folder}", "lcd tree/one", "mput file[0-4]", sync=sync)
    assert control.names(folder) == [f"file{number}" for number in range(5)]

    (program.folder / "back").mkdir()
    lftp(f"cd {folder}", "lcd back", "mget file[3-9] ?ile2", "mrm file[0-3]", sync=sync)

    assert content(program.folder / "back").keys() == {"file2", "file3", "file4"}
    assert control.names(folder) == ["file4"]


@SYNC
def test_a_resumed_download_is_whole(lftp, program, folder, control, sync):
    whole = bytes(range(256)) * 200
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole)
    (program.folder / "file").write_bytes(whole[:20_000])

    lftp(f"cd {folder}", "get -c file", sync=sync)

    assert (program.folder / "file").read_bytes() == whole


def test_cls_and_find_tell_size_kind_and_depth(lftp, folder, local):
    lftp(f"mirror -R tree {folder}/tree")

    done = lftp(
        f"cd {folder}/tree", "cls -1 --sort=size --size --block-size=1 file*", "find -l one"
    )

    sizes, found = done.stdout.splitlines()[:10], done.stdout.splitlines()[10:]
    assert [line.split() for line in sizes] == [
        [str((local / f"file{number}").stat().st_size), f"file{number}"]
        for number in reversed(range(10))
    ]
    assert {line.split()[-1] for line in found} == {
        path.relative_to(local).as_posix() + "/" * path.is_dir()
        for path in [local / "one", *(local / "one").rglob("*")]
    }


def test_a_tree_is_made_and_removed(lftp, folder, control):
    lftp(f"cd {folder}", "mkdir -p a/b/c", "put /etc/hostname -o 'a/b/with space'", "rm -r a")

    assert control.names(folder) == []


def test_jobs_side_by_side(lftp, program, folder, control):
    control.put(f"{folder}/file", b"x" * 50_000)

    lftp(f"cd {folder}", *(f"get file -o {n} &" for n in range(3)), "wait all", "chmod 600 file")

    for number in range(3):
        assert (program.folder / str(number)).read_bytes() == b"x" * 50_000


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


@pytest.fixture
def secure(lftp, ftps_board):
    """Run lftp's commands with TLS forced on commands, lists and files."""
    tls = (
        f"set ssl:ca-file {ftps_board.certificate}",
        "set ftp:ssl-force yes",
        "set ftp:ssl-protect-data yes",
        "set ftp:ssl-protect-list yes",
    )

    def run(*commands, **options):
        return lftp(*commands, to=ftps_board, tls=tls, **options)

    return run


@SYNC
def test_mirror_over_tls_both_ways_and_again(secure, program, ftps_folder, local, sync):
    up = f"mirror -R --verbose=3 tree {ftps_folder}/tree"
    down = f"mirror --verbose=3 {ftps_folder}/tree back"

    said = secure("debug 9 -o log", up, sync=sync).stdout
    assert said.count("Transferring file") == 30
    assert "---> PROT P" in (program.folder / "log").read_text()
    secure(down, sync=sync)
    assert content(program.folder / "back") == content(local)

    assert "Transferring" not in secure(up, sync=sync).stdout
    assert "Transferring" not in secure(down, sync=sync).stdout


def test_mirror_over_tls_with_several_connections(secure, program, ftps_folder, local):
    secure(f"mirror -R --parallel=3 tree {ftps_folder}/tree")
    secure(f"mirror --parallel=3 {ftps_folder}/tree back")

    assert content(program.folder / "back") == content(local)


def test_what_people_type_over_tls(secure, program, ftps_folder):
    (program.folder / "up").write_bytes(bytes(range(256)) * 400)

    done = secure(
        f"cd {ftps_folder}", "put up", "reput up", "ls", "cls -l", "get up -o down",
        "pget -n 4 up -o pieces", "mv up moved", "find", "rm moved",
    )  # fmt: skip

    for name in ("down", "pieces"):
        assert (program.folder / name).read_bytes() == bytes(range(256)) * 400
    assert "./moved" in done.stdout


def test_tls_is_forced(lftp, program, folder):
    """Against a board without TLS nothing is sent in clear."""
    done = lftp(f"ls {folder}", tls=("set ftp:ssl-force yes", "debug 9 -o log"), ok=False)

    assert done.returncode != 0
    assert "---> PASS" not in (program.folder / "log").read_text()
