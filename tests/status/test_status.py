"""`outpost status` against real boards: as a table, as JSON, and where there is nobody to ask."""

import ftplib
import functools
import io
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pexpect
import pytest
from outpost import bundle
from outpost.bundle import maps
from outpost.sim.desk import Board
from outpost.sim.prepare import prepare
from outpost.status.stat_text import parse

OUTPOST = Path(sys.executable).with_name("outpost")
PASSWORD = "secret"


@pytest.fixture
def status(outpost):
    """Run `outpost status`: (*arguments, password=PASSWORD) -> CompletedProcess."""
    return functools.partial(outpost, "status")


@pytest.fixture
def boot(tmp_path, free_port):
    """Start a board with sections of config.json: (sections, tls=False) -> Board."""
    boards = []

    def start(sections, tls=False):
        port = free_port()
        users = {"admin": {"password": PASSWORD, "role": "admin"}}
        ftp = {"port": port, "host": "127.0.0.1", "users": users} | sections.pop("ftp", {})
        config = json.dumps({"time": None, "ftp": ftp} | sections)
        prepare(tmp_path / "flash.img", bundle.tree_root(), config=config, tls=tls)
        boards.append(Board(tmp_path / "flash.img", ftp_port=port))
        boards[0].start()
        boards[0].wait_ready()
        return boards[0]

    yield start
    for board in boards:
        board.stop()


def url_of(board):
    return f"ftp://admin@127.0.0.1:{board.ftp_port}"


def test_a_table_for_people(boot, status):
    board = boot({})
    done = status(url_of(board))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["outpost", url_of(board)]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows["ftp"].split()[1] == "running"
    assert "flash " in done.stdout
    assert "total 6144 KiB" in rows["flash"]
    assert max(map(len, lines)) <= 80


def test_json_has_exact_values_of_the_types_that_the_board_has(shared_board, status):
    done = status("--json", url_of(shared_board))
    assert done.returncode == 1, "its clock is not set"
    told = json.loads(done.stdout)
    [problem] = told["problems"]
    assert problem.startswith("clock not set")
    assert told | {"status": None, "problems": []} == {
        "board": url_of(shared_board), "name": None, "reachable": True, "error": None,
        "problems": [], "exact": True, "status": None,
    }  # fmt: skip
    board, flash = told["status"]["board"], told["status"]["flash"]
    assert board["name"] == "outpost"
    assert isinstance(board["uptime_s"], int)
    assert flash["total_bytes"] == 6144 * 1024
    assert told["status"]["time"]["set"] is False
    assert told["status"]["network"]["rssi"] is None


def test_what_stat_tells_is_what_site_status_tells_but_rounded(shared_board, status):
    exact = json.loads(status("--json", url_of(shared_board)).stdout)["status"]
    session = shared_board.ftp()
    rounded = parse(session.sendcmd("STAT"))
    known = {
        name: {key for key, value in section.items() if value not in (None, "")}
        for name, section in exact.items()
    }
    assert {name: set(section) for name, section in rounded.items()} == known
    for name, section in rounded.items():
        for key, value in section.items():
            if isinstance(value, bool | str):
                assert value == exact[name][key], (name, key)
            else:
                assert type(value) is type(exact[name][key]), (name, key)
    assert rounded["flash"]["total_bytes"] == exact["flash"]["total_bytes"]


def test_site_status_is_for_everyone_who_may_see_stat(start_board):
    users = {"guest": {"password": PASSWORD, "role": "read", "root": "/"}}
    board = start_board(config={"ftp": {"users": users}})
    lines = board.ftp("guest").sendcmd("SITE status").splitlines()
    sections = {}
    for line in lines[:-1]:
        sections |= json.loads(line.removeprefix("211-"))
    assert next(iter(sections)) == "board", "in the order of STAT"
    assert sections["ftp"] == {"state": "running"}, "the rest is for those who may write"
    assert lines[-1] == "211 End."


def test_several_boards_and_one_that_is_not_there(shared_board, status, free_port, tmp_path):
    there, gone = url_of(shared_board), f"ftp://admin@127.0.0.1:{free_port()}"
    done = status(there, gone)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[1].split()[:2] == ["●", "away"], "trouble first"
    assert lines[2].strip() == "! can't be asked: Connection refused"
    assert lines[3].split()[:2] == ["●", "trouble"]
    assert "! clock not set" in done.stdout
    assert lines[-1] == "1 away, 1 in trouble"
    assert max(map(len, lines)) <= 80
    file = tmp_path / "boards"
    file.write_text(f"{there} the shed\n{gone} gate  # it is being mended\n")
    named = status("--boards", file).stdout
    assert "away     gate " in named
    assert "trouble  the shed " in named
    every = status("-v", "--boards", file).stdout
    assert f"gate {gone}: Connection refused\n" in every
    assert f"outpost  {there}\n" in every
    assert "total 6144 KiB" in every
    lines = [json.loads(line) for line in status("--json", there, gone).stdout.splitlines()]
    assert [line["reachable"] for line in lines] == [True, False]
    assert lines[1]["error"] == "Connection refused"
    told = [json.loads(line) for line in status("--json", "--boards", file).stdout.splitlines()]
    assert [line["name"] for line in told] == ["the shed", "gate"]


def test_a_command_line_without_a_board_is_wrong(status):
    done = status()
    assert done.returncode == 2
    assert "no board: name one as ftp://host/, or a file of them with --boards" in done.stderr


def test_a_service_that_failed_is_a_problem(boot, status):
    board = boot({"app": "missing"})
    done = status(url_of(board))
    assert done.returncode == 1
    assert "! app " in done.stdout
    told = json.loads(status("--json", url_of(board)).stdout)
    assert told["reachable"]
    assert told["problems"][0].startswith("app ")


def test_places_of_a_crash_are_those_of_the_source(boot, status):
    made = maps.of_tree(bundle.tree_root())
    source, line = made.lines["/services_ftp_server.py"][99]
    board = boot({})
    crash = b'2026-11-26T12:00:00Z\n  File "services_ftp_server", line 100, in x\nE: 5'
    session = ftplib.FTP()
    session.connect("127.0.0.1", board.ftp_port, 20)
    session.login("admin", PASSWORD)
    session.storbinary("STOR /log/crash.txt", io.BytesIO(crash))
    session.quit()
    board.stop()
    board.start()
    board.wait_ready()
    assert f"E: 5 at {source.lstrip('/')}:{line}" in " ".join(status(url_of(board)).stdout.split())
    told = json.loads(status("--json", url_of(board)).stdout)["status"]
    assert told["log"]["last_crash"].endswith(f" at {source.lstrip('/')}:{line}")
    assert told["board"]["bundle"] == made.bundle


def test_a_board_without_site_status_is_read_by_its_stat(start_board, status, tmp_path):
    root, old = bundle.tree_root(), tmp_path / "old"
    old.mkdir()
    for path in [*root.glob("*.py"), root / "hal", root / "build", root / "tests"]:
        (old / path.name).symlink_to(path)
    shutil.copytree(root / "services", old / "services")
    server = old / "services/ftp/start.py"
    server.write_text(server.read_text().replace('"status", "unlock"', '"unlock"'))
    board = start_board(tree=old)
    assert "504" in status_code(board, "SITE status")
    told = json.loads(status("--json", url_of(board)).stdout)
    assert told["exact"] is False
    assert told["status"]["flash"]["total_bytes"] == 6144 * 1024
    assert told["status"]["ftp"]["state"] == "running"


def status_code(board, command):
    import ftplib

    with pytest.raises(ftplib.error_perm) as refused:
        board.ftp().sendcmd(command)
    return str(refused.value)


def test_over_tls_with_the_boards_certificate(boot, status, tmp_path):
    board = boot({"ftp": {"tls": {"required": True}}}, tls=True)
    clear = url_of(board)
    secure = clear.replace("ftp:", "ftps:")
    done = status("--cafile", tmp_path / "flash.pem", "--json", secure)
    assert done.returncode == 0, done.stdout
    assert "can't be trusted" in status(secure).stdout
    assert "its URL must begin with ftps://" in status(clear).stdout


def test_a_wrong_password_is_said_and_not_shown(shared_board, status):
    done = status(url_of(shared_board), password="wr0ng")
    assert done.returncode == 1
    assert "it says: User name or password is wrong" in done.stdout
    assert "wr0ng" not in done.stdout + done.stderr


def test_a_password_is_asked_for(shared_board):
    environment = {key: value for key, value in os.environ.items() if key != "OUTPOST_PASSWORD"}
    person = pexpect.spawn(
        str(OUTPOST), ["status", url_of(shared_board)], env=environment, timeout=30
    )
    person.expect_exact(f"Password of admin (127.0.0.1:{shared_board.ftp_port}): ")
    person.waitnoecho()
    person.sendline(PASSWORD)
    person.expect_exact("running")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1, "its clock is not set"


class Stranger:
    """A server of one connection that answers each line with the next of its replies."""

    def __init__(self, greeting, *replies):
        import threading

        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ftp://admin@127.0.0.1:{self.listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(greeting, replies), daemon=True)
        self._thread.start()

    def _serve(self, greeting, replies):
        try:
            sock, _ = self.listener.accept()
            with sock, sock.makefile("rb") as lines:
                sock.sendall(greeting)
                for reply in replies:
                    if not lines.readline():
                        return
                    sock.sendall(reply)
                lines.read()
        except OSError:
            pass


LOGIN = b"331 ok\r\n", b"230 ok\r\n"


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ((b"",), "no answer within 2 s"),
        ((b"220 hi\r\n", b"331 ok\r\n", b"230 ok\r\n", b"211-slow"), "no answer within 2 s"),
        ((b"Hello, who is there?\r\n",), "it doesn't speak FTP"),
        ((b"421 \x1b[2Jno session is free\r\n",), "it says: \\x1b[2Jno session is free"),
        ((b"220 hi\r\n", *LOGIN, b"211-{}\r\n" * 2000), "a reply of more than 500 lines"),
        ((b"220 hi\r\n", *LOGIN, b"211-" + b"x" * 9000 + b"\r\n"), "it doesn't speak FTP"),
        ((b"220 hi\r\n", *LOGIN, b"\xff\xfe\r\n"), "it doesn't speak FTP"),
    ],
    ids=["mute", "stalls", "other", "full", "endless", "long", "binary"],
)
def test_a_stranger_is_told_by_what_is_wrong_with_him(status, replies, said):
    done = status("--timeout", "2", Stranger(*replies).url)
    assert done.returncode == 1
    assert said in done.stdout
    assert "\x1b" not in done.stdout


def test_what_a_stranger_says_of_itself_is_only_text(status):
    evil = {"board": {"name": "\x1b[2J[red]\u202e", "big": 1e999, "n": 10**400, "uptime_s": 1e300},
            "\x1b]0;x\x07": {"state": "\x9b2J", "a b": ["x"], "c": {"d": None}}}  # fmt: skip
    lines = "".join(f"211-{json.dumps({name: part})}\r\n" for name, part in evil.items())
    lines = lines.replace("Infinity", "1e999")
    replies = (b"220 hi\r\n", *LOGIN, f"{lines}211 End.\r\n".encode(), b"221 bye\r\n")
    done = status(Stranger(*replies).url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\x1b[2J[red]\\u202e" in done.stdout
    assert not set(done.stdout) & set("\x1b\x07\x9b\u202e")
