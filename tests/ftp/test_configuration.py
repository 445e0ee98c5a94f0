"""config.json as FTP sees it: users, first boots, typing errors that must not cut a board off."""

import calendar
import json
import re
import time

import pytest

CLEAR = """{
    "name":   "weather-7",
  "ftp": { %s,
    "users": {
      "ann" :{ "role":"admin","password" : "clear \\"text\\" \\u2603" },
        "bob": {"password":"pass,word}","role":"read", "root": "/lib" }
    }},
  "time": {"servers": ["127.0.0.1"], "utc_offset_min": 60}
}
"""


def without_users(ports):
    """A config.json that names the ports alone."""
    return '{"ftp": {' + ports + "}}"


def test_clear_passwords_become_hashes_and_nothing_else_changes(power_up, connect):
    board = power_up(config=lambda ports: CLEAR % ports)
    ann = connect(None, to=board)
    assert ann.ask("USER ann").code == 331
    assert ann.ask('PASS clear "text" ☃').code == 230
    text = ann.get("/config.json").decode()

    pattern = r'"pbkdf2-sha256\$\d+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+"'
    assert len(re.findall(pattern, text)) == 2
    ports = re.search(r'"port".*?\]', text)[0]
    original = CLEAR % ports
    for password in (r'"clear \"text\" \u2603"', '"pass,word}"'):
        assert password in original
        original = original.replace(password, "HASH")
    assert re.sub(pattern, "HASH", text) == original

    board.stop()
    stored = board.read("/config.json")
    board.start()
    board.wait_ready()
    bob = connect(None, to=board)
    assert bob.ask("USER bob").code == 331
    assert bob.ask("PASS pass,word}").code == 230
    board.stop()
    assert board.read("/config.json") == stored, "a second boot changes nothing"


def test_no_copy_of_config_json_keeps_a_clear_password(power_up):
    board = power_up(config=lambda ports: CLEAR % ports)
    board.stop()

    for path in board.paths("/config"):
        assert b"pass,word}" not in board.read(path), path


def test_without_users_an_admin_is_made_shown_once_and_stored_as_a_hash(power_up, connect):
    board = power_up(config=without_users)
    shown = re.findall(r'FTP user "admin", password "([^"]+)"', board.console)
    assert len(shown) == 1
    assert len(shown[0]) >= 12
    admin = connect(None, to=board)
    assert admin.ask("USER admin").code == 331
    assert admin.ask(f"PASS {shown[0]}").code == 230
    assert "shutdown" in admin.ask("SITE help").text, "it may do what admins may"
    stored = json.loads(admin.get("/config.json"))["ftp"]["users"]["admin"]

    assert stored["password"].startswith("pbkdf2-sha256$")
    assert stored["role"] == "admin"
    board.wait_console("config/proven")
    assert shown[0] not in admin.get("/config.last").decode()
    console = len(board.console)
    admin.ask("SITE shutdown -r")
    board.wait_console("board/boot", start=console)
    board.wait_ready()
    assert "password" not in board.console[console:], "it is shown once"
    again = connect(None, to=board)
    assert again.ask("USER admin").code == 331
    assert again.ask(f"PASS {shown[0]}").code == 230


def test_two_boards_get_two_passwords(power_up):
    boards = [power_up(config=without_users) for _ in range(2)]

    found = {re.search(r'password "([^"]+)"', board.console)[1] for board in boards}
    assert len(found) == 2


WRONG = [
    ("max_sessions", 0, "ftp.max_sessions: must be a whole number from 1 to 100, not 0"),
    ("max_sessions", "six", "ftp.max_sessions: must be a whole number from 1 to 100, not text"),
    ("idle_s", True, "ftp.idle_s: must be a whole number from 10"),
    ("advertise", 5, "ftp.advertise: must be an IPv4 address"),
    (
        "default_type",
        "binary",
        "ftp.default_type: must be A (line ends are converted) or I",
    ),
    ("max_session", 6, "ftp.max_session: no such key; known are"),
]


def test_wrong_keys_and_values_are_named_and_the_board_is_reachable(power_up, connect):
    for key, value, says in WRONG:
        board = power_up({key: value})
        board.wait_console(says)
        assert says in connect(to=board).ask("STAT").text
        board.kill()


@pytest.mark.parametrize(
    ("users", "says"),
    [
        ({"eve": {"role": "read"}}, "ftp.users.eve: needs a password"),
        ({"eve": "secret!"}, "ftp.users.eve: needs a password"),
        ({"eve": {"password": "x", "role": "boss"}}, "ftp.users.eve.role: must be one of"),
        ({"eve": {"password": "x", "root": "lib"}}, "ftp.users.eve.root: must begin with /"),
        ({"eve": {"password": "x", "admin": True}}, "ftp.users.eve.admin: no such key"),
    ],
)
def test_a_wrong_user_is_named_and_the_others_log_in(power_up, connect, users, says):
    admin = {"admin": {"password": "secret", "role": "admin"}}
    board = power_up({"users": users | admin})

    board.wait_console(says)
    text = connect(to=board).ask("STAT").text
    assert says in text
    assert "secret" not in text
    assert "secret!" not in board.console
    eve = connect(None, to=board)
    eve.ask("USER eve")
    reply = eve.ask("PASS x")
    if reply.code == 230:
        assert eve.ask("MKD /new").code == 550, "what is in doubt may only read"


def test_a_wrong_section_leaves_ftp_up(power_up, connect):
    board = power_up(sections={"time": 5, "log": {"level": 7}, "nosuch": {}})

    text = connect(to=board).ask("STAT").text
    for says in ("time: must be an object", "log.level", "nosuch: no such section"):
        board.wait_console(says)
        assert says in text


def test_config_json_that_is_no_json_gives_way_to_the_proven_one(power_up, connect):
    board = power_up()
    admin = connect(to=board)
    board.wait_console("config/proven")
    good = admin.get("/config.json")
    bad = good.replace(b"]", b"", 1)
    admin.put("/config.json", bad)
    console = len(board.console)

    assert admin.ask("SITE shutdown -r").code == 211
    board.wait_console("board/boot", start=console)
    board.wait_ready()

    again = connect(to=board)
    assert "/config.json: not JSON, look at line" in board.console
    assert "not JSON, look at line" in again.ask("STAT").text
    assert again.get("/config.json") == good
    assert again.get("/config.failed.json") == bad, "kept for its owner to mend"


def test_tls_that_is_asked_for_is_not_silently_left_out(power_up, connect):
    board = power_up({"tls": {"cert": "/cert.der", "key": "/key.der"}})

    board.wait_console("ftp.tls")
    assert "ftp.tls" in connect(to=board).ask("STAT").text


def test_the_address_to_advertise_is_what_pasv_tells(power_up, connect):
    board = power_up({"advertise": "192.0.2.7"})

    assert connect(to=board).ask("PASV").text.startswith("227 Entering Passive Mode (192,0,2,7,")


def test_list_shows_the_local_time_and_mdtm_utc(power_up, connect):
    board = power_up(sections={"time": {"servers": ["127.0.0.1"], "utc_offset_min": 330}})
    session = connect(to=board)
    session.put("/file", b"x")

    stamp = session.ask("MDTM /file").text[4:]
    local = calendar.timegm(time.strptime(stamp, "%Y%m%d%H%M%S")) + 330 * 60
    assert time.strftime("%H:%M file", time.gmtime(local)) in session.fetch("LIST /file").decode()
