"""A full flash: 552, the old file stays, the space comes back, and everything else goes on."""

import contextlib
import re

import pytest

OLD = b"the old content"
FULL = 552


@pytest.fixture(scope="module")
def board(power_up_watched):
    return power_up_watched()


@pytest.fixture
def full(board, dial, bystander):
    """The flash filled to its last block; emptied again afterwards, and all is as before."""
    with bystander(board):
        filler = dial(board)
        try:
            filler.ask("TYPE I")
            filler.ask("MKD /full")
            filler.put("/full/file", OLD)
            filler.put("/full/big", b"b" * 1_500_000)
            before = _free_kib(filler)
            number = 0
            for size in (1_000_000, 100_000, 10_000, 3_000, 500, 50):
                while _stored(filler, f"/full/f{number}", bytes(size)):
                    number += 1
            yield filler
            filler.close()  # it may have idled for too long
            filler = dial(board)
            for left in range(number):
                assert filler.ask(f"DELE /full/f{left}").code == 250
            assert filler.get("/full/file") == OLD
            assert filler.names("/full") == ["big", "file"]
            assert abs(_free_kib(filler) - before) <= 24, "the log may have written a little"
            filler.put("/full/file", b"there is room again")
            assert filler.get("/full/file") == b"there is room again"
        finally:
            for path in ("/full/file", "/full/big"):
                filler.ask(f"DELE {path}")
            filler.ask("RMD /full")
            filler.close()


def _stored(session, path, content, verb="STOR"):
    """Whether an upload found room; it must be 226 or 552."""
    sock = session.data()
    reply = session.ask(f"{verb} {path}")
    if reply.code == 150:  # else not even a name has room
        with contextlib.suppress(ConnectionError):  # the board hangs up in mid sentence
            sock.sendall(content)
        sock.close()
        reply = session.reply()
    assert reply.code in (226, FULL), reply
    return reply.code == 226


def _free_kib(session):
    return int(session.ask("SITE df /").lines[1].split()[3].removesuffix("KiB"))


def test_what_finds_no_room_hears_552_and_changes_nothing(full, connect):
    session = connect()
    session.ask("TYPE I")
    free = _free_kib(session)
    for verb, path, size in (
        ("STOR", "/full/file", 100_000),  # in mid upload
        ("STOR", "/full/file", 3_000),  # when the file is closed
        ("STOR", "/full/new", 3_000),
        ("APPE", "/full/big", 100),  # while the old file is copied
        ("APPE", "/full/file", 100_000),
    ):
        assert not _stored(session, path, b"n" * size, verb), (verb, path)
        assert _free_kib(session) == free, "the space of what failed comes back"
    assert session.get("/full/file") == OLD
    assert session.ask("SIZE /full/big").text == "213 1500000"
    assert session.ask("SIZE /full/new").code == 550

    for number in range(3):  # one may find room in its parent's block
        assert session.ask(f"MKD /full/{'d' * 200}{number}").code in (257, FULL)
    for number in range(3):
        session.ask(f"RMD /full/{'d' * 200}{number}")
    # A command that needs no new block, or little, must go on.
    assert session.ask("MFMT 20200101000000 /full/file").code in (213, FULL)
    assert session.ask("RNFR /full/file").code == 350
    assert session.ask("RNTO /full/moved").code in (250, FULL)
    if session.ask("SIZE /full/moved").code == 213:
        assert session.ask("RNFR /full/moved").code == 350
        assert session.ask("RNTO /full/file").code == 250
    assert session.ask("NOOP").code == 200


def test_the_log_goes_on_when_its_file_can_not(full, connect, board):
    """Two hundred logins write more lines than the log's file finds room for."""
    for _ in range(100):
        with contextlib.closing(connect()) as session:
            assert session.ask("PWD").code == 257
    text = connect().ask("STAT").text
    for service in ("log", "ftp", "network"):
        assert re.search(rf"^211-{service} +running", text, re.MULTILINE), text
    assert "Traceback" not in board.console
