"""Told at the upload, and SITE config: what is wrong with a config.json before a boot tries it."""

import ftplib
import io
import json

import pytest


@pytest.fixture(scope="module")
def board(shared_board):
    """A board whose configuration is proven, with the text of it."""
    session = shared_board.ftp()
    sent = bytearray()
    session.retrbinary("RETR /config.json", sent.extend)
    session.quit()
    shared_board.text = bytes(sent)
    return shared_board


@pytest.fixture
def session(board):
    """An admin's session; the proven config.json is in its place before and after."""
    session = board.ftp()
    yield session
    session.storbinary("STOR /config.json", io.BytesIO(board.text))
    session.quit()


def stored(session, content, verb="STOR"):
    return session.storbinary(f"{verb} /config.json", io.BytesIO(content))


def fetched(session, path="/config.json"):
    found = bytearray()
    session.retrbinary("RETR " + path, found.extend)
    return bytes(found)


def test_a_good_one_is_said_to_be_good(session, board):
    reply = stored(session, board.text)

    assert reply.splitlines() == [
        f"226-Stored, {len(board.text)} bytes. The next boot tries it.",
        "226-No problem found.",
        "226 End.",
    ]


def test_each_problem_has_its_line_and_the_file_is_stored_as_it_was_sent(session, board):
    config = json.loads(board.text)
    config["ftp"]["prot"] = 1
    config["netwrok"] = {}
    content = json.dumps(config, indent=1).encode()
    start = len(board.console)

    reply = stored(session, content)

    assert "226-2 problems:\n" in reply
    assert "226-ftp.prot: no such key; known are " in reply
    assert "226-netwrok: no such section; known are " in reply
    assert fetched(session) == content
    board.wait_console("netwrok: no such section", start=start)
    assert board.console[start:].count("config/problem") == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"name": "a",\n "ftp": tru}', "not JSON, look at line 2"),
        (b'{"name": "\xe4"}', "not UTF-8 text"),
        (b"{" + b" " * 20_000 + b"}", "more than 16384 bytes"),
        (b"{}", "No admin could log in with it"),
        (b'{"ftp": {"users": {"a": {"role": "admin", "password": ""}}}}', "No admin could log in"),
        (b'{"a\\r\\n226 Fine.": 1, "ftp": null}', "226-a??226 Fine.: no such section"),
    ],
)
def test_what_could_not_run_is_told(session, content, says):
    assert says in stored(session, content)
    assert fetched(session) == content


def test_appe_and_rnto_tell_it_too(session):
    session.storbinary("STOR /new.json", io.BytesIO(b'{"ftp": '))

    session.sendcmd("RNFR /new.json")
    renamed = session.sendcmd("RNTO /config.json")
    appended = stored(session, b'{"prot": 2}}', "APPE")

    assert renamed.startswith(
        "250-Renamed. The next boot tries it.\n250-1 problem:\n250-/config.j"
    )
    assert "not JSON, look at line 1" in renamed
    assert "226-ftp.prot: no such key" in appended


def test_other_files_are_answered_as_ever(session):
    reply = session.storbinary("STOR /data.json", io.BytesIO(b"{"))

    assert reply == "226 Stored, 1 bytes."


def test_check_reads_any_file_and_publishes_nothing(session, board):
    session.storbinary("STOR /other.json", io.BytesIO(b'{"ftp": {"port": 0}}'))
    start = len(board.console)

    told = session.sendcmd("SITE config check /other.json")

    assert "211-2 problems:" in told
    assert "211-ftp.port: must be a whole number from 1 to 65535, not 0; running on its" in told
    assert "No problem found." in session.sendcmd("SITE config check")
    assert "config/problem" not in board.console[start:]
    with pytest.raises(ftplib.error_perm, match="550"):
        session.sendcmd("SITE config check /none.json")


def test_an_upload_waits_for_a_boot_and_can_be_taken_back_before(session, board):
    assert "state proven" in session.sendcmd("SITE config")
    with pytest.raises(ftplib.error_perm, match=r"501 config\.json is the proven one"):
        session.sendcmd("SITE config revert")
    stored(session, b"{}")
    assert "state waiting" in session.sendcmd("SITE config")
    with pytest.raises(ftplib.error_perm, match=r"501 config\.json has not run yet"):
        session.sendcmd("SITE config confirm")

    assert "The proven one is back" in session.sendcmd("SITE config revert")

    assert fetched(session) == board.text
    assert fetched(session, "/config.failed.json") == b"{}"
    assert "proven one already" in session.sendcmd("SITE config confirm")


def test_it_is_for_admins_and_says_how_it_is_used(session):
    with pytest.raises(ftplib.error_perm, match="Usage: SITE config"):
        session.sendcmd("SITE config nonsense")
    assert "config [check [path]|confirm|revert]" in session.sendcmd("SITE HELP")
