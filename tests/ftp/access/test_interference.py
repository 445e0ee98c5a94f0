"""What others can't do to a transfer: move its file, steal its data connection (RFC 2577)."""

import contextlib
import socket

import pytest


class TestInTransfer:
    """What is being transferred stays what it is, where it is: 450, and later it may be done."""

    @pytest.fixture
    def reading(self, connect, control, folder):
        """A file in a folder, being read: -> (folder, a session to try things with)."""
        assert control.ask(f"MKD {folder}/inner").code == 257
        control.put(f"{folder}/inner/file", bytes(3_000_000))
        slow = connect()
        data = slow.begin(f"RETR {folder}/inner/file", small=True)
        yield f"{folder}/inner", connect("writer")
        assert len(slow.rest(data)) == 3_000_000, "the reader has got the whole file"
        assert slow.reply().code == 226

    def test_it_is_not_removed_renamed_or_written(self, reading):
        inner, writer = reading
        writer.passive_port()
        for command in (
            f"DELE {inner}/file",
            f"RNFR {inner}/file",
            f"STOR {inner}/file",
            f"APPE {inner}/file",
            f"RMD {inner}",
            f"RNFR {inner}",
        ):
            assert writer.ask(command).code == 450, command

    def test_nothing_is_renamed_over_it(self, reading):
        inner, writer = reading
        writer.put(f"{inner}/other", b"x")
        assert writer.ask(f"RNFR {inner}/other").code == 350
        assert writer.ask(f"RNTO {inner}/file").code == 450

    def test_the_second_writer_hears_450(self, connect, control, folder):
        control.put(f"{folder}/file", b"old")
        data = control.begin(f"STOR {folder}/file")
        data.sendall(b"first")
        second = connect("writer")
        second.passive_port()

        for command in ("STOR", "APPE", "RETR", "DELE", "RNFR"):
            assert second.ask(f"{command} {folder}/file").code == 450, command

        data.close()
        assert control.reply().code == 226
        assert control.get(f"{folder}/file") == b"first"

    def test_a_folder_goes_neither_into_itself_nor_over_another(self, control, folder):
        for name in ("one", "one/deep", "two"):
            assert control.ask(f"MKD {folder}/{name}").code == 257
        control.put(f"{folder}/file", b"x")
        for old, new in (
            ("one", "one/deep/one"),
            ("one", "one/new"),
            ("one", "two"),
            ("one", "file"),
            ("file", "two"),
        ):
            assert control.ask(f"RNFR {folder}/{old}").code == 350
            assert control.ask(f"RNTO {folder}/{new}").code == 553, (old, new)
        assert control.names(folder) == ["file", "one", "two"]
        assert control.names(f"{folder}/one") == ["deep"]


class TestDataConnections:
    """The bounce attack and the stolen connection (RFC 2577)."""

    @pytest.mark.parametrize(
        "command",
        [
            "PORT 10,0,0,1,200,1",
            "PORT 127,0,0,2,200,1",
            "EPRT |1|127.0.0.2|51201|",
            "EPRT |1|localhost|51201|",
            "PORT 127,0,0,1,0,22",
            "PORT 127,0,0,1,3,255",
            "EPRT |1|127.0.0.1|1023|",
            "EPRT |1|127.0.0.1|65536|",
            "EPRT |1|127.0.0.1|-5|",
        ],
    )
    def test_only_to_the_clients_own_address_and_no_low_port(self, control, command):
        assert control.ask(command).code in (501, 504, 522)
        assert control.ask("LIST").code == 425

    def test_a_stranger_gets_nothing_and_the_right_one_is_served(self, control):
        port = control.passive_port()
        thief = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
        with thief:
            assert control.ask("LIST /").code == 150
            with contextlib.suppress(ConnectionResetError):
                assert thief.recv(100) == b"", "the thief is sent away without a byte"
            with socket.create_connection(("127.0.0.1", port), 10) as sock:
                assert b"main.py" in control.rest(sock)
        assert control.reply().code == 226

    def test_a_stranger_cannot_upload_in_anothers_name(self, control, folder):
        port = control.passive_port()
        assert control.ask(f"STOR {folder}/file").code == 150
        thief = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
        with thief, contextlib.suppress(ConnectionError):
            thief.sendall(b"evil")
            assert thief.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(b"good")
        assert control.reply().code == 226
        assert control.get(f"{folder}/file") == b"good"

    def test_a_client_of_another_address_is_served_from_there(self, connect):
        client = connect(source="127.0.0.4")
        port = client.passive_port()
        sock = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.4", 0))
        with sock:
            assert client.ask("LIST /").code == 150
            assert b"main.py" in client.rest(sock)
        assert client.reply().code == 226
