"""SITE: df, free, gc, hashpass, help, kick, uptime, who, shutdown; who may call what."""

import base64
import hashlib
import json
import re
import socket

import pytest


def test_df_tells_of_each_file_system(control):
    lines = control.ask("SITE df").lines

    assert lines[0].startswith("211-Filesystem        Size        Used       Avail   Use%")
    rows = {line.split()[0]: line for line in lines[1:-1]}
    assert set(rows) == {"211-flash", "211-/sd"}
    assert re.fullmatch(r"211-flash +6144KiB +\d+KiB +\d+KiB +\d+%", rows["211-flash"])
    assert lines[-1] == "211 End."


def test_df_counts_what_is_stored(control, folder):
    def used():
        return int(control.ask("SITE df /").lines[1].split()[2].removesuffix("KiB"))

    before = used()
    control.ask("TYPE I")
    control.put(f"{folder}/file", b"x" * 100_000)

    assert 100 <= used() - before < 120


def test_free_adds_up(control, board):
    lines = control.ask("SITE free").lines
    found = re.fullmatch(r"211-Mem: +(\d+)KiB +(\d+)KiB +(\d+)KiB", lines[1])

    total, used, free = map(int, found.groups())
    assert abs(total - used - free) <= 1
    assert 0 <= total - board.profile.heap // 1024 < 20, "the simulator's modules come on top"


def test_hashpass_gives_what_config_json_takes(control, connect, power_up):
    hashed = control.ask("SITE hashpass two words").text.removeprefix("211 ")
    assert re.fullmatch(r"pbkdf2-sha256\$\d+\$[^$ ]+\$[^$ ]+", hashed)
    other = power_up({"users": {"ann": {"password": hashed, "role": "read"}}})

    session = connect(None, to=other)

    assert session.ask("USER ann").code == 331
    assert session.ask("PASS two words").code == 230


def test_hashpass_agrees_with_another_implementation(control):
    hashed = control.ask("SITE hashpass s3cret ☃").text.removeprefix("211 ")
    _, rounds, salt, expected = hashed.split("$")

    key = hashlib.pbkdf2_hmac("sha256", "s3cret ☃".encode(), base64.b64decode(salt), int(rounds))
    assert key == base64.b64decode(expected)


def test_hashpass_takes_a_new_salt_each_time(control):
    assert control.ask("SITE hashpass x") != control.ask("SITE hashpass x")


def test_who_names_each_session_and_what_it_does(control, connect, folder):
    connect("reader")
    connect(None)
    uploader = connect("writer")
    sock = uploader.begin(f"STOR {folder}/file")

    text = control.ask("SITE who").text

    assert re.search(r"reader +127\.0\.0\.1 +idle", text)
    assert re.search(r"\(login\) +127\.0\.0\.1 +idle", text)
    assert re.search(rf"writer +127\.0\.0\.1 +STOR {folder}/file, \d+ bytes", text)
    assert re.search(r"admin +127\.0\.0\.1 +idle", text)
    sock.close()
    assert uploader.reply().code == 226


class TestKick:
    """SITE kick: by number, user, address; never the operator's own session."""

    def test_by_user(self, control, connect):
        victim = connect("reader")

        assert control.ask("SITE kick reader").code == 211

        assert victim.reply().code == 421
        assert victim.closed()
        assert "reader" not in control.ask("SITE who").text

    def test_by_number(self, control, connect):
        victim = connect("reader")
        number = re.search(r"(\d+)  reader", control.ask("SITE who").text)[1]

        assert control.ask(f"SITE kick {number}").code == 211

        assert victim.reply().code == 421

    def test_by_address_spares_the_operator(self, control, connect):
        victim = connect("reader", source="127.0.0.3")

        assert control.ask("SITE kick 127.0.0.3").code == 211
        assert victim.reply().code == 421
        assert control.ask("SITE kick admin").code == 501, "nobody else is admin"
        assert control.ask("NOOP").code == 200

    def test_a_kicked_upload_leaves_nothing(self, control, connect, folder, wait_for):
        victim = connect("writer")
        victim.begin(f"STOR {folder}/file").sendall(b"x" * 9)
        wait_for(lambda: "9 bytes" in control.ask("SITE who").text, "the upload")

        assert control.ask("SITE kick writer").code == 211

        assert victim.closed()
        assert control.names(folder) == []
        wait_for(lambda: control.ask(f"STOR {folder}/file").code == 425, "the path to be free")


def test_uptime_counts_the_sessions(control, connect):
    connect("reader")

    text = control.ask("SITE uptime").text

    assert re.fullmatch(r"211 \d{4}-\d\d-\d\d \d\d:\d\d up \d+:\d\d:\d\d, \d+ users", text)


def test_a_reader_sees_the_own_session_and_the_boards_health_alone(control, connect):
    reader = connect("reader", source="127.0.0.3")
    said = {command: reader.ask(command) for command in ("SITE who", "SITE status", "STAT")}

    assert re.findall(r"(\w+) +127", said["SITE who"].text) == ["reader"]
    assert "admin" in control.ask("SITE who").text
    sections = {}
    for line in said["SITE status"].lines[:-1]:
        sections |= json.loads(line[4:])
    whole = {"board", "heap", "flash", "loop"}
    assert whole <= sections.keys()
    for name, section in sections.items():
        told = {key for key in section if section[key] != "only admins are told"}
        assert name in whole or told <= {"state", "set", "clock", "connected", "phase"}, name
    assert sections["ftp"] == {"state": "running"}
    assert not {"hung_in", "failure"} & sections["board"].keys()
    for reply in said.values():
        assert "127.0.0.1" not in reply.text, reply
        assert "/log/" not in reply.text, reply
    assert "heap" in said["STAT"].text
    assert "from 127.0.0.3" in said["STAT"].text
    assert "127.0.0.1" in control.ask("STAT").text


def test_help_imports_each_module_of_rare_commands_once(micropython):
    """Each import took as long as all else; there were ten for ten lines."""
    script = """
import services.borrow
count = 0
real = services.borrow.borrow
def borrow(module, name):
    global count
    count += 1
    return real(module, name)
services.borrow.borrow = borrow
from services.ftp.commands import operator
from services.site import SiteCommands
site = SiteCommands()
site.add_rare(list(operator.COMMANDS), "services.ftp.commands.operator", None)
site.add_rare(("log",), "services.log.commands", None)
site.add_rare(("update",), "services.update.commands", None)
site.add("plain", None, "plain: one")
count = 0
print(len(list(operator.usages(site.commands, True))), count)
print([usage.split()[0] for usage in operator.usages(site.commands, False)])
"""
    lines = micropython(script).splitlines()

    assert lines[0] == "12 2"
    assert lines[1] == str(
        ["df", "free:", "gc:", "hashpass", "plain:", "status:", "uptime:", "who:"]
    )


@pytest.mark.parametrize("command", ["kick reader", "shutdown -r", "shutdown -h"])
@pytest.mark.parametrize("user", ["reader", "writer"])
def test_only_an_admin_may(connect, command, user):
    session = connect(user)

    assert session.ask(f"SITE {command}").code == 550
    assert session.ask("NOOP").code == 200


def test_help_shows_what_one_may_call(connect):
    assert "shutdown -r|-h" in connect("admin").ask("SITE help").text
    assert "shutdown" not in connect("reader").ask("SITE help").text
    for name in ("df", "free", "gc", "hashpass", "status", "uptime", "who"):
        assert f"214-{name}" in connect("reader").ask("SITE HELP").text


def test_shutdown_r_restarts_the_board_and_says_goodbye(power_up, connect):
    board = power_up()
    operator, other = connect(to=board), connect("reader", to=board)
    console = len(board.console)

    assert operator.ask("SITE shutdown -r").code == 211
    assert other.reply().code == 421
    assert operator.closed()

    board.wait_console("board/boot", start=console)
    board.wait_ready()
    assert board.resets == 1
    text = connect(to=board).ask("STAT").text
    assert "boots 2" in text
    assert "reset cause reset" in text


def test_shutdown_h_puts_the_board_to_sleep(power_up, connect):
    board = power_up()

    assert connect(to=board).ask("SITE shutdown -h").code == 211

    assert board.wait_end(timeout=15) == "asleep"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", board.port))
