"""wget: one file, a tree, only what is newer, resume, active mode."""

import os
import time

import pytest


@pytest.fixture
def wget(program, board):
    def run(*args, **options):
        return program(
            "wget",
            "--no-verbose",
            "--tries=1",
            "--timeout=20",
            "--no-config",
            "--ftp-user=admin",
            "--ftp-password=secret",
            *args,
            **options,
        )

    run.base = f"ftp://127.0.0.1:{board.port}"
    return run


@pytest.fixture
def tree(control, folder):
    control.ask("TYPE I")
    for sub in ("", "/sub", "/sub/deep"):
        if sub:
            assert control.ask(f"MKD {folder}{sub}").code == 257
        control.put(f"{folder}{sub}/file", b"content of " + sub.encode())
    return folder


@pytest.mark.parametrize("mode", ["--passive-ftp", "--no-passive-ftp"])
def test_get(wget, program, tree, mode):
    wget(mode, f"{wget.base}{tree}/file")

    assert (program.folder / "file").read_bytes() == b"content of "


def test_a_tree(wget, program, tree):
    wget("--recursive", "--no-host-directories", f"{wget.base}{tree}/")

    found = {
        path.relative_to(program.folder / tree[1:]).as_posix(): path.read_bytes()
        for path in program.folder.rglob("file")
    }
    assert found == {
        "file": b"content of ",
        "sub/file": b"content of /sub",
        "sub/deep/file": b"content of /sub/deep",
    }


def test_what_has_not_changed_is_not_fetched_again(wget, program, tree):
    wget("--timestamping", f"{wget.base}{tree}/file")
    first = (program.folder / "file").stat().st_mtime_ns

    again = wget("--timestamping", "--verbose", f"{wget.base}{tree}/file")

    assert "not retrieving" in again.stderr
    assert (program.folder / "file").stat().st_mtime_ns == first


def test_what_is_newer_on_the_board_is_fetched_again(wget, program, tree, control):
    wget("--timestamping", f"{wget.base}{tree}/file")
    os.utime(program.folder / "file", (0, 0))
    control.put(f"{tree}/file", b"CONTENT OF ")

    wget("--timestamping", f"{wget.base}{tree}/file")

    assert (program.folder / "file").read_bytes() == b"CONTENT OF "


def test_the_files_time_comes_along(wget, program, tree, control):
    """wget reads it from LIST, which has minutes for the last half year."""
    when = int(time.time()) // 60 * 60 - 30 * 86400
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(when))
    assert control.ask(f"MFMT {stamp} {tree}/file").code == 213

    wget("--timestamping", f"{wget.base}{tree}/file")

    assert (program.folder / "file").stat().st_mtime == when


def test_a_mirror_again_fetches_nothing(wget, program, tree):
    """--mirror is -r -N -l inf --no-remove-listing."""
    wget("--mirror", "--no-host-directories", f"{wget.base}{tree}/")
    first = {path: path.stat().st_mtime_ns for path in program.folder.rglob("file")}

    again = wget("--mirror", "--no-host-directories", "--verbose", f"{wget.base}{tree}/")

    assert len(first) == 3
    assert again.stderr.count("not retrieving") == 3
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_part_of_a_tree(wget, program, tree, control):
    control.put(f"{tree}/sub/a b.log", b"log")

    wget("--recursive", "--no-parent", "-nH", "--accept", "*.log", f"{wget.base}{tree}/sub/")

    assert [path.name for path in program.folder.rglob("*") if path.is_file()] == ["a b.log"]


def test_resume(wget, program, control, folder):
    content = bytes(range(256)) * 300
    control.ask("TYPE I")
    control.put(f"{folder}/file", content)
    (program.folder / "file").write_bytes(content[:30_000])

    wget("--continue", f"{wget.base}{folder}/file")

    assert (program.folder / "file").read_bytes() == content


def test_a_glob(wget, program, tree, control):
    control.put(f"{tree}/file.log", b"log")

    wget(f"{wget.base}{tree}/*.log")

    assert [path.name for path in program.folder.iterdir()] == ["file.log"]


def test_a_missing_file_is_an_error(wget, tree):
    assert wget(f"{wget.base}{tree}/nosuch", ok=False).returncode == 8


@pytest.fixture
def ftps(program, ftps_board, ftps_folder):
    """Run wget over TLS against a folder: (path, *args) -> as program()."""

    def run(path, *args, **options):
        url = f"ftps://127.0.0.1:{ftps_board.port}{ftps_folder}{path}"
        login = ("--ftp-user=admin", "--ftp-password=secret")
        trust = f"--ca-certificate={ftps_board.certificate}"
        about = ("--no-verbose", "--tries=1", "--timeout=20", "--no-config")
        return program("wget", *about, *login, trust, *args, url, **options)

    return run


def test_a_tree_with_commands_over_tls(ftps, program, connect, ftps_board, ftps_folder):
    control = connect(to=ftps_board)
    assert control.ask(f"MKD {ftps_folder}/sub").code == 257
    control.put(f"{ftps_folder}/sub/file", b"content")

    ftps("/", "--recursive", "--no-host-directories", "--ftps-clear-data-connection")

    assert (program.folder / ftps_folder[1:] / "sub" / "file").read_bytes() == b"content"


def test_a_download_over_tls_is_whole_though_wget_doubts_it(
    ftps, program, connect, ftps_board, ftps_folder
):
    """GnuTLS wants the close_notify that MicroPython can't send; wget has the whole file."""
    control = connect(to=ftps_board)
    control.ask("TYPE I")
    control.put(f"{ftps_folder}/file", bytes(range(256)) * 300)

    done = ftps("/file", ok=False)

    assert (program.folder / "file").read_bytes() == bytes(range(256)) * 300
    assert done.returncode in (0, 4)
