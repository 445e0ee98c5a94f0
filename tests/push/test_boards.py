"""Which boards: URLs, a file of boards, and where each password is found."""

import pytest
from outpost.push.boards import (
    Board,
    BoardsError,
    parse_url,
    read_boards,
    require_distinct,
    with_passwords,
)

SECRET = "pa55word"


@pytest.mark.parametrize(
    ("url", "board"),
    [
        ("ftp://weather-7/", Board("weather-7")),
        ("ftp://weather-7", Board("weather-7")),
        ("ftp://me@10.0.0.7:2121/", Board("10.0.0.7", 2121, "me")),
        ("ftp://me:a%2Fb%40c@10.0.0.7", Board("10.0.0.7", 21, "me", "a/b@c")),
        ("ftp://me:@10.0.0.7", Board("10.0.0.7", 21, "me", "")),
        ("ftps://10.0.0.7", Board("10.0.0.7", tls=True)),
        ("ftp://[fe80::1]:2121", Board("fe80::1", 2121)),
    ],
)
def test_a_url_names_a_board(url, board):
    assert parse_url(url, "here") == board


@pytest.mark.parametrize(
    "url",
    [
        "weather-7",
        f"me:{SECRET}@weather-7",
        f"http://me:{SECRET}@weather-7",
        "ftp://",
        f"ftp://me:{SECRET}",
        f"ftp://me:{SECRET}#1@weather-7",
        f"ftp://me:{SECRET}@weather-7:0",
        f"ftp://me:{SECRET}@weather-7:99999",
        f"ftp://me:{SECRET}@weather-7/next",
        f"ftp://me:{SECRET}@weather-7/?{SECRET}",
        f"ftp://me:{SECRET}%0aDELE%20x@weather-7/",
        f"ftp://me:{SECRET}@[::1/",
    ],
)
def test_a_wrong_url_is_told_by_its_place_and_not_repeated(url):
    with pytest.raises(BoardsError, match="line 3") as raised:
        parse_url(url, "boards, line 3")
    assert SECRET not in str(raised.value)


def test_a_password_is_not_shown():
    board = parse_url(f"ftps://me:{SECRET}@weather-7:2121", "here")
    assert SECRET not in f"{board} {board!r} {board.url} {board.label}"
    assert board.url == "ftps://me@weather-7:2121/"


def test_a_file_of_boards(tmp_path):
    path = tmp_path / "boards"
    path.write_text(
        "# the field\n\n"
        "ftp://10.0.0.7   weather seven  # by the river\n"
        "\tftps://me@10.0.0.8:2121\n"
        "ftp://10.0.0.9 nr#9\n"
    )
    assert read_boards(path) == [
        Board("10.0.0.7", name="weather seven"),
        Board("10.0.0.8", 2121, "me", tls=True),
        Board("10.0.0.9", name="nr#9"),
    ]
    assert [board.label for board in read_boards(path)] == [
        "weather seven",
        "10.0.0.8:2121",
        "nr#9",
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
    with pytest.raises(BoardsError, match=told):
        read_boards(path)


def test_a_board_that_is_named_twice_is_refused():
    boards = [Board("weather-7"), Board("weather-7", 2121), Board("WEATHER-7", user="other")]
    with pytest.raises(BoardsError, match="WEATHER-7 is named twice"):
        require_distinct(boards)
    require_distinct(boards[:2])


@pytest.fixture
def netrc_file(tmp_path):
    """An environment with a netrc file."""
    path = tmp_path / "netrc"
    path.write_text(
        "machine 10.0.0.7 login seven password of-seven\n"
        "machine 10.0.0.8 login admin password of-eight\n"
        "default login anybody password of-anybody\n"
    )
    return {"NETRC": str(path)}


def logins(boards, environ, asked=None):
    """[(user, password)] of boards; asked: user -> password of a prompt, else nobody may ask."""

    def ask(user, boards):
        return asked[user]

    return [(board.user, board.password) for board in with_passwords(boards, ask, environ)]


def test_netrc_tells_user_and_password(netrc_file):
    boards = [
        Board("10.0.0.7"),
        Board("10.0.0.7", user="seven"),
        Board("10.0.0.8"),
        Board("10.0.0.9", user="anybody"),
    ]
    assert logins(boards, netrc_file) == [
        ("seven", "of-seven"),
        ("seven", "of-seven"),
        ("admin", "of-eight"),
        ("anybody", "of-anybody"),
    ]


def test_the_url_goes_before_the_environment_and_that_before_netrc(netrc_file):
    environ = netrc_file | {"OUTPOST_PASSWORD": "of-all"}
    boards = [Board("10.0.0.7", password="own"), Board("10.0.0.7"), Board("x", user="me")]
    assert logins(boards, environ) == [("seven", "own"), ("seven", "of-all"), ("me", "of-all")]


def test_somebody_else_s_netrc_entry_is_not_used(netrc_file):
    boards = [Board("10.0.0.7", user="me"), Board("10.0.0.9", user="me"), Board("10.0.0.9")]
    assert logins(boards, netrc_file, {"me": "typed", "admin": "typed too"}) == [
        ("me", "typed"),
        ("me", "typed"),
        ("admin", "typed too"),
    ]


def test_a_user_is_asked_for_once(tmp_path):
    asked = []

    def ask(user, boards):
        asked.append((user, [board.label for board in boards]))
        return "typed"

    boards = [Board("a"), Board("b", user="me"), Board("c"), Board("d", password="known")]
    found = with_passwords(boards, ask, {"NETRC": "/dev/null"})
    assert asked == [("admin", ["a", "c"]), ("me", ["b"])]
    assert [board.password for board in found] == ["typed", "typed", "typed", "known"]


@pytest.mark.parametrize(
    "text", [f"machine x login me password {SECRET} {SECRET}\n", f"machine x {SECRET}\n"]
)
def test_a_broken_netrc_is_told_without_what_stands_there(tmp_path, text):
    path = tmp_path / "netrc"
    path.write_text(text)
    with pytest.raises(BoardsError, match=f"{path}, near line") as raised:
        with_passwords([Board("x")], None, {"NETRC": str(path)})
    assert SECRET not in str(raised.value)


def test_a_netrc_that_is_missing_is_told_where_it_was_named(tmp_path):
    with pytest.raises(BoardsError, match="not there"):
        with_passwords([Board("x")], None, {"NETRC": str(tmp_path / "none")})
