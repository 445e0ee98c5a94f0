"""AUTH, PBSZ and PROT (RFC 4217): before login, after it, and where a board requires TLS."""

import pytest

from tests.ftp.conftest import Control
from tests.ftp.tls.conftest import BLOB, Secure


class TestCommands:
    def test_feat_tells_of_tls_where_there_is_some(self, board, secure, power_up, connect):
        words = {" AUTH TLS", " PBSZ", " PROT"}
        for control in (Control(board.port), secure()):
            assert words <= set(control.ask("FEAT").lines)
            control.close()
        plain = connect(None, to=power_up())
        assert not words & set(plain.ask("FEAT").lines)
        assert plain.ask("AUTH TLS").code == 502

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            *[("AUTH", 501), ("AUTH SSL", 504), ("AUTH TLS-P", 504), ("AUTH KERBEROS_V4", 504)],
            *[("PBSZ 0", 503), ("PROT P", 503), ("CCC", 533), ("ADAT x", 502), ("MIC x", 502)],
        ],
    )
    def test_in_clear(self, board, command, code):
        control = Control(board.port)
        assert control.ask(command).code == code
        control.close()

    def test_before_login(self, secure, same_sockets):
        control = secure(None, private=False)
        for command, code in (
            ("AUTH TLS", 503), ("PROT P", 503), ("PBSZ x", 501), ("PBSZ", 501), ("PBSZ 4096", 200),
            ("PROT S", 536), ("PROT E", 536), ("PROT x", 504), ("PROT C", 200), ("PROT P", 200),
            ("CCC", 534), ("LIST", 530), ("USER admin", 331), ("PASS secret", 230),
        ):  # fmt: skip
            assert control.ask(command).code == code, command
        assert control.ask("PBSZ 16").lines == ["200 PBSZ=0"]
        assert control.ask("PASV").code == 227
        control.close()

    def test_pbsz_again_leaves_the_level(self, secure):
        control = secure()
        control.put("/again", b"private")
        assert control.ask("PBSZ 0").code == 200
        assert control.get("/again") == b"private"

    def test_data_in_clear_where_the_client_wants_it(self, secure):
        control = secure()
        assert control.ask("PROT C").code == 200
        control._wrapped = False
        control.put("/clear", b"for all to read")
        assert control.get("/clear") == b"for all to read"

    def test_prot_may_stand_between_rest_and_its_transfer(self, secure):
        control = secure()
        control.put("/rest", b"0123456789")
        assert control.ask("REST 6").code == 350
        assert control.ask("PROT P").code == 200
        assert control.fetch("RETR /rest") == b"6789"

    def test_a_login_in_clear_is_void_after_auth(self, board, context):
        control = Secure(board.port, context).login()
        control.auth()
        assert control.ask("PWD").code == 530
        assert control.login().ask("PWD").code == 257
        control.close()

    def test_rein_would_have_to_end_tls(self, secure):
        control = secure()
        assert control.ask("REIN").code == 502
        assert control.ask("PWD").code == 257

    def test_long_replies_and_many_commands_in_one_record(self, secure):
        control = secure()
        assert len(control.ask("HELP").lines) > 3
        control.send(b"NOOP\r\n" * 200)
        for _ in range(200):
            assert control.reply().code == 200
        assert control.ask("NOOP " + "x" * 5000).code == 500
        assert control.ask("NOOP").code == 200


@pytest.fixture(scope="module")
def strict(start_tls):
    """A board that requires TLS."""
    return start_tls(required=True)


class TestRequired:
    def test_no_password_in_clear(self, strict, connect):
        control = connect(None, to=strict)
        for command in ("USER admin", "USER nobody"):
            reply = control.ask(command)
            assert reply.code == 530
            assert "AUTH TLS" in reply.text
        assert control.ask("PASS secret").code in (503, 530)
        assert control.ask("PWD").code == 530

    def test_no_data_in_clear(self, strict, secure):
        control = secure(to=strict, private=False)
        control.passive_port()
        assert control.ask("LIST").code == 521
        assert control.ask("PROT C").code == 503
        assert control.ask("PBSZ 0").code == 200
        assert control.ask("PROT C").code == 534
        assert control.ask("LIST").code == 521
        assert control.private().names("/")

    def test_data_in_clear_where_the_operator_wants_it(self, start_tls, secure, connect):
        """For clients that can't do without close_notify: only commands are private then."""
        board = start_tls(ftp={"tls": {"required": True, "data": False}})
        assert connect(None, to=board).ask("USER admin").code == 530
        control = secure(to=board, private=False)
        assert control.ask("PBSZ 0").code == 200
        assert control.ask("PROT P").code == 534
        assert control.ask("PROT C").code == 200
        control.put("/clear", BLOB)
        assert control.get("/clear") == BLOB

    def test_a_broken_certificate_lets_nobody_in_and_is_told(self, power_up, connect):
        board = power_up(ftp={"tls": {"required": True}}, files={"/tls/cert.der": "x"})
        board.wait_console("/tls/cert.der and /tls/key.der")
        control = connect(None, to=board)
        assert control.ask("AUTH TLS").code == 431
        assert control.ask("USER admin").code == 530
        assert " AUTH TLS" not in control.ask("FEAT").lines


class TestDataInClear:
    """For clients that take the lack of close_notify for a failure: FileZilla."""

    def test_commands_are_private_and_data_is_not(self, start_tls, secure, connect):
        board = start_tls(ftp={"tls": {"required": True, "data": False}})
        assert connect(None, to=board).ask("USER admin").code == 530
        control = secure(to=board, private=False)
        assert control.ask("PBSZ 0").code == 200
        assert control.ask("PROT P").code == 534
        control.put("/file", b"content")
        assert control.ask("PROT C").code == 200
        assert control.get("/file") == b"content"
