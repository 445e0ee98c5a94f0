"""Secrets: files that hold them, and that no reply, log or event tells one."""

import re

import pytest

from tests.ftp.access.conftest import ROLES


class TestSecrets:
    """config.json and its copies hold passwords: admins alone see them."""

    FILES = ("config.json", "config.last", "config.json.new", "config.json.bak")
    WAYS = ("/{}", "{}", "//{}", "/./{}", "/site/../{}", "/lib/.././/{}")

    @pytest.mark.parametrize("user", ["reader", "writer"])
    @pytest.mark.parametrize("name", FILES[:2])
    @pytest.mark.parametrize("way", WAYS)
    def test_nobody_else_reads_or_asks_after_them(self, connect, user, name, way):
        session = connect(user)
        path = way.format(name)

        session.passive_port()
        for verb in ("RETR", "SIZE", "MDTM", "MLST", "STAT", "LIST", "NLST"):
            reply = session.ask(f"{verb} {path}")
            assert reply.code == 550, (verb, path, reply)

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("command", ["STOR", "APPE", "DELE", "RNFR", "MKD", "RMD"])
    def test_a_writer_does_not_touch_them(self, connect, control, name, command):
        writer = connect("writer")
        before = control.get("/config.json")

        writer.passive_port()
        assert writer.ask(f"{command} /{name}").code == 550

        assert control.get("/config.json") == before

    def test_a_writer_does_not_rename_onto_them(self, connect, control, folder):
        writer = connect("writer")
        writer.put(f"{folder}/mine", b"{}")
        assert writer.ask(f"RNFR {folder}/mine").code == 350

        assert writer.ask("RNTO /config.json").code == 550

        assert control.names(folder) == ["mine"]

    @pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD"])
    def test_listings_hide_them(self, connect, verb):
        for user in ("reader", "writer"):
            session = connect(user)
            assert b"config.json" not in session.fetch(f"{verb} /")
            assert b"config.last" not in session.fetch(f"{verb} /")
            assert b"main.py" in session.fetch(f"{verb} /"), "the rest is there"
        assert "config.json" not in connect("reader").ask("STAT /").text
        session = connect("reader")
        session.passive_port()
        assert session.ask("NLST /config.j*").code == 550
        assert b"config" not in session.fetch("NLST /*.json")

    def test_an_admin_reads_them(self, control):
        assert b'"users"' in control.get("/config.json")
        assert "config.json" in control.names("/")

    def test_a_writer_renames_no_folder_that_would_bring_them_along(self, connect):
        writer = connect("writer")
        writer.ask("RNFR /")
        assert writer.ask("RNTO /lib/root").code in (503, 550, 553)

        assert writer.fetch("RETR /main.py").startswith(b'"""')


def test_no_secret_is_in_a_reply_the_log_or_an_event(power_up, connect):
    """The console shows every event. RETR of config.json by an admin is the one way there is."""
    secrets = ["k3y-of-the-air", "k3y-of-the-broker", "k3y-of-ann", "k3y-that-is-wrong"]
    users = ROLES | {"ann": {"password": secrets[2], "role": "read"}}
    sections = {
        "network": {"ssid": "air", "password": secrets[0]},
        "telemetry": {"broker": f"mqtt://bob:{secrets[1]}@127.0.0.1:1"},
        "log": {"level": "DEBUG"},
    }
    board = power_up({"users": users, "lockout_s": 5}, sections)
    ann = connect(None, to=board)
    assert ann.ask("USER ann").code == 331
    assert ann.ask(f"PASS {secrets[3]}").code == 530
    assert ann.ask(f"PASS {secrets[2]}").code == 503
    assert ann.ask("USER ann").code == 331
    assert ann.ask(f"PASS {secrets[2]}").code == 230
    assert ann.ask(f"PASS {secrets[2]}").code == 230
    assert ann.ask(f"USER {secrets[2]}").text.endswith(f"for {secrets[2]}."), "its own words"
    assert ann.ask(f"PASS {secrets[3]}").code == 530
    admin = connect(to=board)
    told = [board.console]
    for command in ("STAT", "SITE who", "SITE log 100", "SITE log crash", "SITE help", "FEAT"):
        told.append(admin.ask(command).text)
    for verb in ("LIST /", "MLSD /", "RETR /log/outpost.log"):
        told.append(admin.fetch(verb).decode())
    told = "\n".join(told) + board.console

    assert "ftp/login" in told, "logins are told"
    for secret in (*secrets, "pbkdf2-sha256"):
        assert secret not in told
    board.stop()
    assert secrets[2].encode() not in board.read("/config.json")


def test_no_password_is_on_the_console_in_stat_or_in_the_log(connect, control, board):
    session = connect(None)
    session.ask("USER admin")
    assert session.ask("PASS a-wrong-and-secret-word").code == 530
    assert session.ask("PASS").code in (501, 503)
    log = control.ask("SITE log 100").text
    telling = board.console + control.ask("STAT").text + control.ask("SITE who").text + log

    assert "ftp/login" in telling, "logins are told"
    for secret in ("a-wrong-and-secret-word", "secret", "write", "pbkdf2"):
        assert not re.search(rf'password["=: ]+{secret}|PASS {secret}', telling)
    assert "a-wrong-and-secret-word" not in telling
    assert "pbkdf2-sha256" not in board.console
