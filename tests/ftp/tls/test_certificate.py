"""The certificate and its key on the board: who may see or replace them; wrong settings."""

import pytest
from outpost import certificate

from tests.ftp.conftest import Control


class TestFiles:
    def test_a_certificate_that_comes_over_ftp_works_at_once(
        self, power_up, connect, secure, pair
    ):
        """And FTP runs on without one."""
        board = power_up(ftp={"tls": {}})
        control = connect(to=board)
        assert "ftp.tls" in control.ask("STAT").text
        assert control.ask("AUTH TLS").code == 431
        assert control.ask("MKD /tls").code == 257
        for file in pair.files:
            control.put(file.path, file.content)
        assert secure(to=board).ask("NOOP").code == 200
        assert " AUTH TLS" in control.ask("FEAT").lines
        assert "ftp.tls" not in control.ask("STAT").text, "it still tells of what was put right"

    def test_a_certificate_that_is_damaged_later_is_told_until_it_is_whole(
        self, start_tls, connect, secure
    ):
        board = start_tls()
        control = connect(to=board)
        whole = control.get(certificate.CERT)
        control.put(certificate.CERT, whole[:100])
        assert connect(None, to=board).ask("AUTH TLS").code == 431
        assert "no TLS until it is put right" in control.ask("STAT").text
        control.put(certificate.CERT, whole)
        assert secure(to=board).ask("NOOP").code == 200
        assert "ftp.tls" not in control.ask("STAT").text

    @pytest.mark.parametrize("user", ["admin", "writer", "reader"])
    def test_nobody_reads_the_key(self, secure, user, pair):
        control = secure(user)
        for command in (
            f"RETR {certificate.KEY}",
            "RETR /tls/../tls//key.der",
            f"HASH {certificate.KEY}",
            f"RNFR {certificate.KEY}",
            "RNFR /tls",
        ):
            control.passive_port()
            assert control.ask(command).code >= 500, command
        if user != "reader":
            control.passive_port()
            reply = control.ask(f"APPE {certificate.KEY}")
            assert reply.code >= 500, reply
            assert control.ask("REST 3").code == 350
            assert control.ask(f"STOR {certificate.KEY}").code >= 500

    @pytest.mark.parametrize("user", ["writer", "reader"])
    def test_others_than_admins_do_not_touch_the_certificate(self, secure, user):
        control = secure(user)
        for path in (certificate.CERT, certificate.KEY):
            for command in ("STOR", "DELE", "RNFR"):
                control.passive_port()
                assert control.ask(f"{command} {path}").code >= 500
        assert not control.ask("STAT /tls").text.count(".der")

    def test_admins_renew_both(self, start_tls, secure, pair):
        board = start_tls()
        control = secure(to=board)
        for file in certificate.make(["127.0.0.1"]).files:
            control.put(file.path, file.content)
        assert control.get(certificate.CERT) != pair.cert

    @pytest.mark.parametrize(
        ("tls", "says"),
        [
            ({"required": "yes"}, "ftp.tls.required: must be true or false; it is true"),
            ({"data": 1}, "ftp.tls.data: must be true or false; it is true"),
            ({"cert": 7}, "ftp.tls.cert: must be a path"),
            ({"keys": "/k"}, "ftp.tls.keys: no such key"),
            ({"key": "/config.json"}, "invalid key"),
            (True, "ftp.tls: must be an object"),
        ],
    )
    def test_wrong_settings_are_named(self, power_up, pair, tls, says):
        files = {file.path: file.content for file in pair.files}
        board = power_up(ftp={"tls": tls}, files=files)
        board.wait_console(says)
        if tls == {"required": "yes"}:
            control = Control(board.port)
            assert control.ask("USER admin").code == 530
            control.close()
