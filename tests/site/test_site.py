"""`outpost site` against real boards: tables, blocks, tracebacks, and what fails."""

import functools
import io
import json

import pytest
from outpost import bundle
from outpost.bundle import maps


@pytest.fixture
def site(outpost):
    """Run `outpost site`: (*arguments, password=PASSWORD) -> CompletedProcess."""
    return functools.partial(outpost, "site")


def url_of(board):
    return f"ftp://admin@127.0.0.1:{board.ftp_port}"


def test_short_answers_are_a_table(shared_board, start_board, site, tmp_path):
    file = tmp_path / "boards"
    file.write_text(f"{url_of(shared_board)} weather-7\n{url_of(start_board())} gate\n")
    done = site("--boards", file, "uptime")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [name for name, _ in rows] == ["weather-7", "gate"]
    assert all(":" in text for _, text in rows), done.stdout


def test_answers_of_many_lines_are_blocks(shared_board, site):
    done = site(url_of(shared_board), "SITE log 5")
    assert done.returncode == 0
    head, *lines = done.stdout.splitlines()
    assert head == f"127.0.0.1:{shared_board.ftp_port}"
    assert len(lines) >= 5
    assert all(line.startswith("  ") for line in lines)
    assert "211" not in done.stdout
    assert "End." not in done.stdout


def test_a_traceback_is_told_in_words_of_the_source(shared_board, site):
    made = maps.of_tree(bundle.tree_root())
    source, line = made.lines["/services_ftp_server.py"][99]
    session = shared_board.ftp()
    crash = b'2026-11-26T12:00:00Z\n  File "services_ftp_server", line 100, in x\nE: 5'
    session.storbinary("STOR /log/crash.txt", io.BytesIO(crash))
    done = site(url_of(shared_board), "log crash")
    assert done.returncode == 0
    assert f'File "{source.lstrip("/")}", line {line}' in done.stdout
    assert "line 100," not in done.stdout


def test_one_that_fails_and_one_that_is_away_leave_the_others_alone(
    shared_board, site, free_port, tmp_path
):
    there, gone = url_of(shared_board), f"ftp://admin@127.0.0.1:{free_port()}"
    done = site("--json", gone, there, "uptime")
    assert done.returncode == 1
    away, well = map(json.loads, done.stdout.splitlines())
    assert (away["ok"], away["error"]) == (False, "can't be asked: Connection refused")
    assert (well["ok"], well["error"], len(well["lines"])) == (True, None, 1)
    assert well["board"] == there
    unknown = site(there, "dance")
    assert unknown.returncode == 1
    assert "failed: No such SITE command; SITE HELP lists them." in unknown.stdout
    wrong = site(there, "free", password="wr0ng")
    assert wrong.returncode == 1
    assert "User name or password is wrong" in " ".join(wrong.stdout.split())
    assert "wr0ng" not in wrong.stdout + wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["free"], "no board"),
        (["ftp://a", "log", "20"], "URL 2: must begin with ftp://"),
        (["free", "ftp://a"], "the command stands last"),
        (["ftp://a", "log\r\nDELE x"], "must be one line"),
        (["ftp://a", "ftps://a", "free"], "is named twice"),
    ],
)
def test_a_wrong_command_line_is_told(site, arguments, told):
    done = site(*arguments)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
