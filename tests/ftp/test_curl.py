"""curl: get, put, made folders, lists, ranges, resume, append, quoted commands, both modes,
and all that over TLS."""

import email.utils
import os
import time

import pytest

USER = ("-sS", "--user", "admin:secret", "--max-time", "30")


@pytest.fixture
def url(board, folder):
    return f"ftp://127.0.0.1:{board.port}{folder}"


@pytest.fixture
def file(program):
    path = program.folder / "data.bin"
    path.write_bytes(bytes(range(256)) * 400)
    return path


MODES = pytest.mark.parametrize(
    "mode",
    [
        (),
        ("--disable-epsv",),
        ("--ftp-port", "-"),
        ("--ftp-port", "127.0.0.1", "--disable-eprt"),
        ("--ftp-skip-pasv-ip", "--disable-epsv"),
    ],
    ids=["EPSV", "PASV", "EPRT", "PORT", "skip-pasv-ip"],
)


@MODES
def test_put_and_get(program, url, file, mode):
    program("curl", *USER, *mode, "-T", file, f"{url}/file")
    program("curl", *USER, *mode, "-o", "back", f"{url}/file")

    assert (program.folder / "back").read_bytes() == file.read_bytes()


@MODES
def test_list(program, url, file, mode):
    program("curl", *USER, *mode, "-T", file, f"{url}/file")

    assert program("curl", *USER, *mode, "--list-only", f"{url}/").stdout == "file\n"
    assert "102400" in program("curl", *USER, *mode, f"{url}/").stdout


def test_missing_folders_are_made(program, url, file, control, folder):
    program("curl", *USER, "--ftp-create-dirs", "-T", file, f"{url}/a/b/c/file")

    assert control.names(f"{folder}/a/b/c") == ["file"]


@pytest.mark.parametrize("method", ["multicwd", "nocwd", "singlecwd"])
def test_each_way_to_walk_folders(program, url, file, method):
    program("curl", *USER, "--ftp-create-dirs", "-T", file, f"{url}/a/b/file")

    got = program("curl", *USER, "--ftp-method", method, f"{url}/a/b/file", "-o", "back")

    assert got.returncode == 0
    assert (program.folder / "back").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("100-199", 100, 200), ("102000-", 102000, 102400), ("0-0", 0, 1), ("-400", 102000, 102400)],
)
def test_a_range(program, url, file, asked, start, end):
    program("curl", *USER, "-T", file, f"{url}/file")
    # curl closes the data connection when it has enough: its status tells of that, not of us
    program("curl", *USER, "--range", asked, "-o", "part", f"{url}/file", ok=False)

    assert (program.folder / "part").read_bytes() == file.read_bytes()[start:end]


def test_a_download_is_resumed(program, url, file):
    program("curl", *USER, "-T", file, f"{url}/file")
    (program.folder / "back").write_bytes(file.read_bytes()[:50_000])

    program("curl", *USER, "--continue-at", "-", "-o", "back", f"{url}/file")

    assert (program.folder / "back").read_bytes() == file.read_bytes()


def test_an_upload_is_resumed(program, url, file, control, folder):
    control.ask("TYPE I")
    control.put(f"{folder}/file", file.read_bytes()[:50_000])

    program("curl", *USER, "--continue-at", "-", "-T", file, f"{url}/file")

    assert control.get(f"{folder}/file") == file.read_bytes()


def test_append(program, url, file, control, folder):
    for _ in range(2):
        program("curl", *USER, "--append", "-T", file, f"{url}/file")

    assert control.get(f"{folder}/file") == file.read_bytes() * 2


def test_quoted_commands_before_and_after(program, url, file, control, folder):
    program(
        "curl",
        *USER,
        "-T",
        file,
        f"{url}/file",
        "-Q",
        f"-RNFR {folder}/file",
        "-Q",
        f"-RNTO {folder}/renamed",
        "-Q",
        f"MKD {folder}/made",
    )

    assert sorted(control.names(folder)) == ["made", "renamed"]


def test_text_mode_converts_line_ends(program, url, control, folder):
    control.ask("TYPE I")
    control.put(f"{folder}/text", b"one\ntwo\n")

    got = program("curl", *USER, "--use-ascii", "-o", "text", f"{url}/text")

    assert got.returncode == 0
    assert (program.folder / "text").read_bytes() in (b"one\r\ntwo\r\n", b"one\ntwo\n")


def test_the_files_time_comes_along(program, url, file):
    program("curl", *USER, "-T", file, f"{url}/file")
    program("curl", *USER, "-R", "-o", "back", f"{url}/file")

    head = program("curl", *USER, "--head", f"{url}/file").stdout
    assert "Content-Length: 102400" in head
    modified = next(line for line in head.splitlines() if line.startswith("Last-Modified: "))
    when = email.utils.parsedate_to_datetime(modified.partition(": ")[2]).timestamp()
    assert os.stat(program.folder / "back").st_mtime == when
    assert abs(when - file.stat().st_mtime) < 60


@pytest.mark.parametrize("day", [-1, 1])
def test_a_file_is_fetched_only_if_it_is_newer_than_a_time(program, url, file, day):
    """curl asks MDTM and decides by itself."""
    program("curl", *USER, "-T", file, f"{url}/file")
    when = email.utils.formatdate(time.time() + day * 86400, usegmt=True)

    program("curl", *USER, "-z", when, "-o", "back", f"{url}/file")

    assert (program.folder / "back").exists() == (day == -1)


def test_a_file_is_fetched_only_if_it_is_newer_than_the_one_here(program, url, file):
    program("curl", *USER, "-T", file, f"{url}/file")
    program("curl", *USER, "-R", "-o", "back", f"{url}/file")
    when = (program.folder / "back").stat().st_mtime
    (program.folder / "back").write_bytes(b"not fetched again")
    os.utime(program.folder / "back", (when, when))

    program("curl", *USER, "-z", "back", "-o", "back", f"{url}/file")

    assert (program.folder / "back").read_bytes() == b"not fetched again"


def test_an_upload_from_a_pipe_and_a_download_to_one(program, url, control, folder):
    program("curl", *USER, "-T", "-", f"{url}/file", text="from a pipe\n")

    assert control.get(f"{folder}/file") == b"from a pipe\n"
    assert program("curl", *USER, f"{url}/file").stdout == "from a pipe\n"


def test_commands_just_before_the_transfer_and_failures_that_are_allowed(program, url, file):
    done = program(
        "curl", *USER, "-v", "-T", file, f"{url}/file", "-Q", "*DELE nosuch", "-Q", "+NOOP"
    )  # fmt: skip

    assert "< 550 " in done.stderr
    assert done.stderr.index("> NOOP") < done.stderr.index("> STOR")
    refused = program("curl", *USER, f"{url}/file", "-Q", "DELE nosuch", ok=False)
    assert refused.returncode == 21  # curl's number for a quoted command that failed


def test_names_with_spaces_and_beyond_ascii(program, url, file, control, folder):
    program("curl", *USER, "--ftp-create-dirs", "-T", file, f"{url}/a%20b/%C3%BC%20%E2%98%83%23")

    assert control.names(f"{folder}/a b") == ["ü ☃#"]
    program("curl", *USER, "-o", "back", f"{url}/a%20b/%C3%BC%20%E2%98%83%23")
    assert (program.folder / "back").read_bytes() == file.read_bytes()


def test_downloads_in_parallel_sessions(program, url, file):
    program("curl", *USER, "-T", file, f"{url}/file")

    program("curl", *USER, "-Z", *(part for n in range(4) for part in (f"{url}/file", "-o", n)))

    for number in range(4):
        assert (program.folder / str(number)).read_bytes() == file.read_bytes()


def test_several_files_over_one_connection(program, url, file):
    done = program("curl", *USER, "-v", "-T", "{data.bin,data.bin,data.bin}", f"{url}/")

    assert done.stderr.count("226 ") == 3
    assert done.stderr.count("< 220 ") == 1


@pytest.mark.parametrize(
    ("args", "status"),
    [(["/nosuch"], 78), (["/nosuch/"], 9), (["/", "--user", "admin:wrong"], 67)],
    ids=["no file", "no folder", "wrong password"],
)
def test_errors_have_their_own_status(program, url, args, status):
    done = program("curl", *USER, f"{url}{args[0]}", *args[1:], ok=False)

    assert done.returncode == status


@pytest.fixture
def secure(program, ftps_board, ftps_folder):
    """Run curl with TLS that it insists on, against a folder: (path, *args) -> as program()."""

    def run(path, *args, tls="--ssl-reqd", **options):
        url = f"ftp://127.0.0.1:{ftps_board.port}{ftps_folder}{path}"
        trust = (tls, "--cacert", ftps_board.certificate)
        return program("curl", *USER, *trust, url, *args, **options)

    return run


@pytest.mark.parametrize("mode", [(), ("--disable-epsv",)], ids=["EPSV", "PASV"])
def test_put_list_and_get_over_tls(secure, program, file, mode):
    done = secure("/a/file", *mode, "-v", "--ftp-create-dirs", "-T", file)
    assert "TLSv1" in done.stderr
    assert "> PROT P" in done.stderr

    assert " 102400 " in secure("/a/", *mode).stdout
    secure("/a/file", *mode, "-o", "back")

    assert (program.folder / "back").read_bytes() == file.read_bytes()


def test_resume_both_ways_over_tls(secure, program, file, connect, ftps_board, ftps_folder):
    control = connect(to=ftps_board)
    control.ask("TYPE I")
    control.put(f"{ftps_folder}/file", file.read_bytes()[:50_000])

    secure("/file", "--continue-at", "-", "-T", file)
    assert control.get(f"{ftps_folder}/file") == file.read_bytes()

    (program.folder / "back").write_bytes(file.read_bytes()[:30_000])
    secure("/file", "--continue-at", "-", "-o", "back")
    assert (program.folder / "back").read_bytes() == file.read_bytes()


def test_several_files_over_one_tls_connection(secure, file):
    done = secure("/", "-v", "-T", "{data.bin,data.bin,data.bin}")

    assert done.stderr.count("226 ") == 3
    assert done.stderr.count("> AUTH TLS") == 1


def test_commands_private_and_data_in_clear(secure, program, file):
    secure("/file", "-T", file)

    done = secure("/file", "-v", "-o", "back", tls="--ftp-ssl-control")

    assert "> PROT C" in done.stderr
    assert (program.folder / "back").read_bytes() == file.read_bytes()


def test_a_certificate_that_nobody_vouches_for_is_refused(program, ftps_board):
    url = f"ftp://127.0.0.1:{ftps_board.port}/"

    assert program("curl", *USER, "--ssl-reqd", url, ok=False).returncode == 60


def test_tls_that_the_board_has_not_is_an_error(program, url):
    assert program("curl", *USER, "--ssl-reqd", f"{url}/", ok=False).returncode == 64
