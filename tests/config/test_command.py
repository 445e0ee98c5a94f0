"""`outpost config`: the boards' rules on the host, with places; get; put, until the verdict."""

import json

import pytest
from outpost.address import parse
from outpost.boards import Board
from outpost.config.check import check
from outpost.config.put import Put
from outpost.sim.flash import Flash

TEXT = """{
  "name": "weather-7",
  "netwrok": {"ssid": "greenhouse"},
  "ftp": {
    "port": 0, "users": {
      "admin": {"password": "x", "role": "admin", "root": "/never/on/this/computer"},
      "ann.b": {"password": "y",
                "role": "boss"}
    }
  },
  "time": 5
}
"""


@pytest.fixture
def config(outpost):
    """Run `outpost config`: (*arguments) -> CompletedProcess."""
    return lambda *arguments, **options: outpost("config", *arguments, **options)


@pytest.fixture
def board(start_board, tmp_path):
    """A board with a proven configuration, which is board.config; board.url is where it is."""
    air = tmp_path / "air.json"
    air.write_text(json.dumps({"greenhouse": "tomatoes"}))
    network = {"ssid": "greenhouse", "password": "tomatoes", "trial_s": 10}
    board = start_board(config={"network": network}, air=air)
    board.prove()
    session = board.ftp()
    lines = bytearray()
    session.retrbinary("RETR /config.json", lines.extend)
    session.quit()
    board.text = bytes(lines)
    board.config = json.loads(board.text)
    board.url = f"ftp://admin@127.0.0.1:{board.ftp_port}"
    return board


def test_each_problem_has_its_line_and_column():
    found = [problem.shown("c.json") for problem in check(TEXT.encode())]

    assert [line.partition(";")[0] for line in found] == [
        "c.json:5:5: ftp.port: must be a whole number from 1 to 65535, not 0",
        "c.json:8:17: ftp.users.ann.b.role: must be one of read, write, admin",
        "c.json:11:3: time: must be an object in braces",
        "c.json:3:3: netwrok: no such section",
    ]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"name": "a",\n  "ftp": tru}', "c.json:2:10: not JSON"),
        (b'{"name": "a",\n  "ftp": {"port": 021}}', "c.json:2:"),
        (b'{\n "name": "\xe4"}', "c.json:2:11: not UTF-8 text"),
        (b"[]", "c.json: must be an object in braces"),
        (b"", "c.json:1:1: not JSON"),
    ],
)
def test_a_mistake_in_the_json_has_one_too(content, place):
    first = check(content)[0].shown("c.json")

    assert first.startswith(place)


@pytest.mark.parametrize("users", [[], "ann", {"ann": []}])
def test_put_is_made_of_a_file_whose_users_are_none(users):
    """With --force any file may be tried: the board refuses it, not this computer."""
    content = json.dumps({"ftp": {"users": users}}).encode()

    Put(Board(parse("ftp://ann:secret@weather-7/")), content, force=True)


def test_a_good_one_has_no_problem_and_hashes_nothing(config, tmp_path):
    file = tmp_path / "c.json"
    text = '{"ftp": {"users": {"a": {"password": "clear", "role": "admin"}}}}'
    file.write_text(text)

    done = config("check", file)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.read_text() == text
    file.write_text('{"ftp": {"users": {}}}')
    done = config("check", file)
    assert done.returncode == 1
    assert f"{file}:1:10: ftp.users: no admin could log in" in done.stderr


def test_get_prints_what_is_on_the_board(config, board):
    done = config("get", board.url)

    assert done.returncode == 0
    assert done.stdout.encode() == board.text


def test_put_waits_until_it_has_proven_itself(config, board, tmp_path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps(board.config | {"name": "renamed"}))

    done = config("put", file, board.url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "  proven  " in done.stdout
    assert board.resets == 1
    again = config("put", file, board.url)
    assert "  unchanged  " in again.stdout
    assert board.resets == 1
    board.stop()
    with Flash(board.flash) as flash:
        assert flash.read("/config.last") == file.read_bytes()


def test_put_logs_in_with_the_new_password(config, board, tmp_path):
    changed = board.config
    changed["ftp"]["users"]["admin"]["password"] = "brand-new"
    file = tmp_path / "c.json"
    file.write_text(json.dumps(changed))

    done = config("put", file, board.url)

    assert "  proven  " in done.stdout, done.stdout + done.stderr


def test_put_tells_why_a_board_went_back_and_starts_no_other(config, board, start_board, tmp_path):
    changed = board.config
    changed["network"]["ssid"] = "cellar"
    file, boards = tmp_path / "c.json", tmp_path / "boards"
    file.write_text(json.dumps(changed))
    other = start_board()
    boards.write_text(f"{board.url} first\nftp://admin@127.0.0.1:{other.ftp_port} second\n")

    done = config("put", "--json", file, "--boards", boards)

    assert done.returncode == 1
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["board"], first["result"]) == ("first", "reverted")
    assert "no network within 10 s; network cellar not found" in first["reason"]
    assert (second["board"], second["result"]) == ("second", "skipped")
    assert other.resets == 0


def test_put_sends_nothing_that_has_problems_and_takes_back_what_the_board_finds(
    config, board, tmp_path
):
    file = tmp_path / "c.json"
    file.write_text('{"ftp": {"usres": {}}}')
    done = config("put", file, board.url)
    assert done.returncode == 1
    assert "ftp.usres: no such key" in done.stderr
    assert "nothing was sent" in done.stderr

    changed = board.config
    changed["ftp"]["users"]["ann"] = {"password": "x", "role": "read", "root": "/nowhere"}
    file.write_text(json.dumps(changed))
    done = config("put", file, board.url)

    assert done.returncode == 1
    assert "there is no folder /nowhere" in done.stdout
    assert "the proven one is back in its place" in done.stdout
    assert board.resets == 0
    board.stop()
    with Flash(board.flash) as flash:
        assert flash.read("/config.json") == board.text
