"""Which boards: URLs, a file of boards, who is asked for; test_address.py has the rest."""

import pytest
from outpost.address import AddressError, parse
from outpost.boards import Board, parse_board, read_boards, require_distinct, with_logins

SECRET = "pa55word"


@pytest.mark.parametrize(
    "url", ["weather-7", f"ftp://me:{SECRET}@weather-7:0", f"ftp://me:{SECRET}@weather-7/next"]
)
def test_a_wrong_url_is_told_by_its_place_and_not_repeated(url):
    with pytest.raises(AddressError, match="boards, line 3: must") as raised:
        parse_board(url, "boards, line 3")
    assert SECRET not in str(raised.value)


def test_a_password_is_not_shown():
    board = parse_board(f"ftps://me:{SECRET}@weather-7:2121", "here")
    assert SECRET not in f"{board} {board!r} {board.label}"
    assert board.label == "weather-7:2121"


def test_a_file_of_boards(tmp_path):
    path = tmp_path / "boards"
    path.write_text(
        "# the field\n\n"
        "ftp://10.0.0.7   weather seven  # by the river\n"
        "\tftps://me@10.0.0.8:2121\n"
        "ftp://10.0.0.9 nr#9\n"
    )
    assert read_boards(path) == [
        Board(parse("ftp://10.0.0.7"), "weather seven"),
        Board(parse("ftps://me@10.0.0.8:2121")),
        Board(parse("ftp://10.0.0.9"), "nr#9"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"# nobody\n", "names no board"),
        (b"ftp://a\nftp:/b\n", "line 2"),
        (b"ftp://a\xff\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, content, told):
    path = tmp_path / "boards"
    path.write_bytes(content)
    with pytest.raises(AddressError, match=told):
        read_boards(path)


def test_a_board_that_is_named_twice_is_refused():
    urls = ("ftp://weather-7", "ftp://weather-7:2121", "ftps://me@WEATHER-7/")
    boards = [parse_board(url, "here") for url in urls]
    with pytest.raises(AddressError, match="ftps://WEATHER-7 is named twice"):
        require_distinct(boards)
    require_distinct(boards[:2])


def test_a_user_is_asked_for_once(tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 10.0.0.7 login seven password of-seven\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OUTPOST_PASSWORD", raising=False)
    asked = []

    def ask(user, boards):
        asked.append((user, [board.label for board in boards]))
        return f"of-{user}"

    urls = ("ftp://a", "ftp://me@b", "ftp://c", f"ftp://d:{SECRET}@d", "ftp://10.0.0.7")
    boards = [parse_board(url, "here") for url in urls]
    found = [(board.address.user, board.address.password) for board in with_logins(boards, ask)]
    assert asked == [("admin", ["a", "c"]), ("me", ["b"])]
    assert found == [
        ("admin", "of-admin"),
        ("me", "of-me"),
        ("admin", "of-admin"),
        ("d", SECRET),
        ("seven", "of-seven"),
    ]
