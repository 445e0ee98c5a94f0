"""A push's session: hashes with and without HASH, files in pieces, TLS, what goes wrong."""

import ftplib
import hashlib
import os
import socket
import ssl
import threading

import pytest
from fixtures_sim import desk
from outpost.address import Address
from outpost.certificate import make
from outpost.control import tls_context
from outpost.push.session import Lost, PushError, Session
from outpost.sim.flash import Flash

CONTENT = os.urandom(150_000)
ASKED = (b"200 yes\r\n",)  # what follows a login: TYPE I


@pytest.fixture
def board(shared_board):
    return shared_board


def test_files_folders_and_hashes(board, session_of):
    session = session_of(board)
    session.make_folder("/a")
    session.make_folder("/a")  # is there already
    session.make_folder("/a/b c")
    sent = []
    session.send("/a/b c/d;e=f", CONTENT, sent=sent.append)
    assert sum(sent) == len(CONTENT)
    assert session.sha256("/a/b c/d;e=f", len(CONTENT)) == hashlib.sha256(CONTENT).hexdigest()
    found = session.tree("/a")
    assert {path: entry.size for path, entry in found.items()} == {
        "/a/b c": None,
        "/a/b c/d;e=f": len(CONTENT),
    }
    session.send("/a/b c/d;e=f", b"\r\n\n" + CONTENT)  # as it is: a listing changes no type
    assert session.tree("/a")["/a/b c/d;e=f"].size == len(CONTENT) + 3
    session.remove("/a/b c/d;e=f")
    assert session.tree("/a/b c") == session.entries("/nowhere") == {}


def test_a_file_goes_on_where_it_was_cut_off(board, session_of):
    session = session_of(board)
    session.send("/pieces", CONTENT[:70_000])
    sent = []
    session.send("/pieces", CONTENT, 70_000, sent.append)
    assert sum(sent) == len(CONTENT) - 70_000
    assert session.sha256("/pieces", len(CONTENT)) == hashlib.sha256(CONTENT).hexdigest()


def test_a_board_without_hash_is_read(start_board, session_of, whole_tree):
    table = whole_tree / "services" / "ftp" / "commands" / "__init__.py"
    text = table.read_text()
    assert text.count("HASH") == 1
    table.write_text(text.replace("HASH", "XASH"))
    board = start_board(whole_tree)
    with pytest.raises(ftplib.error_perm, match="500 Unknown command"):
        board.ftp().sendcmd("HASH /main.py")
    session = session_of(board)
    session.send("/read", CONTENT)
    assert session.sha256("/read", len(CONTENT)) == hashlib.sha256(CONTENT).hexdigest()


def test_who_is_wrong_is_told_and_the_password_is_not(board):
    target = Address("ftp", "admin", "pa55word", "127.0.0.1", board.ftp_port)
    with pytest.raises(PushError, match=r"login as admin: .*wrong") as raised:
        Session(target)
    assert not isinstance(raised.value, Lost)
    assert "pa55word" not in str(raised.value)


def test_nobody_there_and_no_such_host(free_port):
    with pytest.raises(Lost, match="Connection refused"):
        Session(Address("ftp", "admin", "x", "127.0.0.1", free_port()))
    with pytest.raises(PushError, match=r"the name weather-7\.invalid is not known"):
        Session(Address("ftp", "admin", "x", "weather-7.invalid", 21))


@pytest.fixture
def server():
    """A server that sends what the test puts into its list of bytes, one for each line it gets.

    No real board says such things.
    """
    says = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection = listening.accept()[0]
            with connection, connection.makefile("rb") as lines:
                while says:
                    connection.sendall(says.pop(0))
                    if not lines.readline():
                        return
                lines.read()

        thread = threading.Thread(target=serve)
        thread.start()
        yield says, Address("ftp", "admin", "x", "127.0.0.1", listening.getsockname()[1])
        with socket.create_connection(listening.getsockname()):
            thread.join(10)


def test_what_a_board_says_is_harmless_to_the_terminal(server):
    says, target = server
    says += [b"220 hi\r\n", b"530 \x1b[2J\x07gone\r\n"]
    with pytest.raises(PushError) as raised:
        Session(target)
    assert str(raised.value) == "login as admin: \\x1b[2J\\x07gone"


def test_a_server_that_is_none_is_told(server):
    says, target = server
    says += [b"HTTP/1.1 400 Bad Request\r\n"]
    with pytest.raises(Lost, match=r"it doesn.t speak FTP"):
        Session(target)


def test_silence_has_an_end(server, monkeypatch):
    monkeypatch.setattr("outpost.push.session.CONNECT_S", 0.3)
    with pytest.raises(Lost, match="no answer in time"):
        Session(server[1])


def test_another_thread_can_end_the_wait(server):
    says, target = server
    says += [b"220 hi\r\n", b"331 ?\r\n", b"230 in\r\n", *ASKED]
    session = Session(target)
    threading.Timer(0.2, session.abort).start()
    with session, pytest.raises(Lost):
        session.site("UPDATE STATUS")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A made certificate's pair, and the file with which clients check it."""
    pair = make(["127.0.0.1"])
    path = tmp_path_factory.mktemp("tls") / "board.pem"
    path.write_text(pair.pem)
    return pair, path


@pytest.fixture(scope="module")
def tls_board(certificate, tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    with desk(folder) as start:
        with Flash(folder / "tls.img", fresh=True) as flash:
            for file in certificate[0].files:
                flash.write(file.path, file.content)
        yield start(flash=folder / "tls.img", config={"ftp": {"tls": {"required": True}}})


def test_all_of_it_over_tls(tls_board, certificate, session_of):
    session = session_of(tls_board, tls_context([certificate[1]]))
    session.send("/secret", CONTENT)
    assert session.entries("/")["/secret"].size == len(CONTENT)
    assert session.sha256("/secret", len(CONTENT)) == hashlib.sha256(CONTENT).hexdigest()


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_board, session_of):
    with pytest.raises(PushError, match=r"be trusted: self-signed .*--cafile") as raised:
        session_of(tls_board, tls_context())
    assert not isinstance(raised.value, Lost)


def test_without_tls_the_hint_says_ftps(tls_board, session_of):
    with pytest.raises(PushError, match="must begin with ftps://"):
        session_of(tls_board)


def test_a_file_without_certificates_is_told(tmp_path):
    (tmp_path / "none.pem").write_text("x")
    with pytest.raises(ssl.SSLError):
        tls_context([tmp_path / "none.pem"])


@pytest.mark.parametrize(
    "reply", [b"211-x\r\n" * 1000, b"211-" + b"x" * 9000], ids=["many lines", "one long line"]
)
def test_replies_are_bounded(server, reply):
    says, target = server
    says += [b"220 hi\r\n", b"331 ?\r\n", b"230 in\r\n", *ASKED, reply]
    with Session(target) as session, pytest.raises(Lost, match=r"500 lines|speak FTP"):
        session.site("UPDATE STATUS")


def test_a_reply_that_drips_has_an_end(server, monkeypatch):
    says, target = server
    says += [b"220 hi\r\n", b"331 ?\r\n", b"230 in\r\n", *ASKED, b"211-"]
    with Session(target) as session:
        monkeypatch.setattr("outpost.push.session.ANSWER_S", 0.3)
        with pytest.raises(Lost, match="no answer in time"):
            session.site("UPDATE STATUS")
