"""Safety of files: an upload is whole or nothing, whatever happens to it, also to the power."""

import contextlib
import random

import pytest

OLD = b"the old content"


@pytest.fixture
def old(control, folder):
    """A file with the old content."""
    control.ask("TYPE I")
    control.put(f"{folder}/file", OLD)
    return f"{folder}/file"


def uploading(session, path, wait_for, content=b"new " * 1000):
    """Begin an upload and wait until the board has its first part: the data connection."""
    session.ask("TYPE I")
    sock = session.begin(f"STOR {path}")
    sock.sendall(content)
    count = f"{len(content)} bytes so far"
    wait_for(lambda: count in session.ask("STAT").text, "the first part")
    return sock


def only_the_old_file(control, folder):
    """True where the folder holds the old file and the flash nothing that is hidden."""
    return control.names(folder) == ["file"] and control.get(f"{folder}/file") == OLD


def test_a_reset_data_connection_leaves_the_old_file(control, connect, old, folder, wait_for):
    session = connect()
    sock = uploading(session, old, wait_for)

    session.reset(sock)

    assert session.reply().code == 426
    assert only_the_old_file(control, folder)
    assert session.ask("NOOP").code == 200


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_client_that_dies_leaves_the_old_file(
    control, connect, old, folder, wait_for, how, board
):
    """The kernel of a client that is killed closes all its sockets, the oldest first."""
    before = board.connections()
    session = connect()
    sock = uploading(session, old, wait_for)

    if how == "reset":
        session.reset()
        session.reset(sock)
    else:
        session.leave()
        sock.close()

    wait_for(lambda: board.connections() == before, "the sockets to be closed")
    assert only_the_old_file(control, folder)


def test_a_control_connection_that_ends_during_an_upload_ends_the_upload(
    control, connect, old, folder, wait_for
):
    session = connect()
    sock = uploading(session, old, wait_for)

    session.reset()

    with contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b"", "the board closes the data connection"
    assert only_the_old_file(control, folder)


def test_a_file_is_not_read_while_it_is_replaced(control, connect, old, wait_for):
    session = connect()
    sock = uploading(session, old, wait_for, b"new")

    control.passive_port()
    assert control.ask(f"RETR {old}").code == 450
    sock.close()

    assert session.reply().code == 226
    assert control.get(old) == b"new"


def test_226_comes_only_when_another_session_reads_the_whole_file(control, connect, folder):
    """A watcher with a session of its own asks at the moment of the 226."""
    content = random.Random(1).randbytes(150_000)
    control.ask("TYPE I")
    watcher = connect("reader")
    for number in range(5):
        path = f"{folder}/{number}"
        sock = control.begin(f"STOR {path}")
        sock.sendall(content)
        sock.close()
        assert control.reply().code == 226

        assert watcher.ask("TYPE I").code == 200
        assert watcher.ask(f"SIZE {path}").text == "213 150000"
        assert watcher.fetch(f"RETR {path}") == content


def test_a_failed_append_leaves_the_old_file(control, connect, old, folder, wait_for):
    session = connect()
    session.ask("TYPE I")
    sock = session.begin(f"APPE {old}")
    sock.sendall(b"more")
    wait_for(lambda: "4 bytes so far" in session.ask("STAT").text, "the first part")

    session.reset(sock)

    assert session.reply().code == 426
    assert only_the_old_file(control, folder)


def test_a_second_writer_of_a_file_hears_450(control, connect, old, wait_for):
    session = connect()
    sock = uploading(session, old, wait_for, b"first")

    control.passive_port()
    for verb in ("STOR", "APPE"):
        assert control.ask(f"{verb} {old}").code == 450, verb

    sock.close()
    assert session.reply().code == 226
    assert control.get(old) == b"first"


@pytest.mark.parametrize(
    "commands", [["DELE {}"], ["RNFR {}", "RNTO {}.new"], ["RNFR /main.py", "RNTO {}"]]
)
def test_a_file_in_transfer_is_neither_deleted_nor_renamed(
    control, connect, old, wait_for, commands
):
    session = connect()
    sock = uploading(session, old, wait_for, b"first")

    codes = [control.ask(command.format(old)).code for command in commands]

    assert codes[-1] in (450, 503)
    assert 450 in codes
    sock.close()
    assert session.reply().code == 226
    assert control.get(old) == b"first"
    assert control.ask("SIZE /main.py").code == 213


def test_a_file_that_is_sent_is_not_deleted(control, connect, board, wait_for):
    with (board.card / "long").open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    session = connect()
    sock = session.begin("RETR /sd/long", small=True)

    assert control.ask("DELE /sd/long").code == 450

    assert len(session.rest(sock)) == 8 * 1024 * 1024
    assert session.reply().code == 226
    assert control.ask("DELE /sd/long").code == 250


def test_a_folder_with_a_file_in_transfer_is_not_renamed(control, connect, old, folder, wait_for):
    session = connect()
    sock = uploading(session, old, wait_for, b"first")

    assert control.ask(f"RNFR {folder}").code in (350, 450)
    assert control.ask(f"RNTO {folder}-moved").code in (450, 503)

    sock.close()
    assert session.reply().code == 226
    assert control.get(old) == b"first"


def test_a_full_flash_is_552_keeps_the_old_file_and_frees_the_space(power_up, connect):
    board = power_up()
    control = connect(to=board)
    control.ask("TYPE I")
    control.put("/file", OLD)

    def free():
        return int(control.ask("SITE df /").lines[1].split()[3].removesuffix("KiB"))

    before = free()
    sock = control.begin("STOR /file")
    with contextlib.suppress(ConnectionError):  # the board hangs up in mid sentence
        sock.sendall(bytes(7 * 1024 * 1024))
    sock.close()

    assert control.reply().code == 552
    assert control.get("/file") == OLD
    assert abs(free() - before) <= 8
    control.put("/file", b"there is room again")
    assert control.get("/file") == b"there is room again"


def test_what_an_earlier_life_left_is_gone_after_the_next_boot(power_up, connect, wait_for):
    board = power_up()
    session = connect(to=board)
    session.put("/file", OLD)
    uploading(session, "/file", wait_for, b"x" * 50_000)

    assert board.kill() == "killed"

    assert board.read("/file") == OLD
    board.start()
    board.wait_ready()
    assert connect(to=board).get("/file") == OLD
    board.stop()
    assert [path for path in board.paths("/") if "upload" in path] == []


def test_a_mounted_card_takes_uploads_and_renames(control, board):
    control.ask("TYPE I")
    control.put("/sd/on card", b"content")
    assert (board.card / "on card").read_bytes() == b"content"

    assert control.ask("RNFR /sd/on card").code == 350
    assert control.ask("RNTO /sd/renamed").code == 250

    assert not (board.card / "on card").exists()
    assert (board.card / "renamed").read_bytes() == b"content"
    assert control.ask("DELE /sd/renamed").code == 250


def test_a_rename_from_the_flash_to_the_card_is_refused_and_loses_nothing(control, old, board):
    assert control.ask(f"RNFR {old}").code == 350
    assert control.ask("RNTO /sd/moved").code in (550, 553)

    assert control.get(old) == OLD
    assert not (board.card / "moved").exists()


# LittleFS programs and erases a few times for each file: the cuts fall before, into and
# behind an upload of 20,000 bytes over an old file.
NEW = random.Random(2).randbytes(20_000)


def store_until_the_power_fails(board, connect, write):
    """Boot with a cut at that write, upload; return whether the upload was confirmed."""
    board.cut_at_write = write
    board.start()
    try:
        board.wait_ready()
        session = connect(to=board)
        session.ask("TYPE I")
        return session.store("STOR /file", NEW).code == 226
    except (OSError, AssertionError, RuntimeError):
        return False


def test_a_power_cut_at_any_write_leaves_the_old_file_or_the_new_one_whole(power_up, connect):
    board = power_up()
    connect(to=board).put("/file", OLD)
    board.stop()
    boot = board.programs + board.erases
    image = board.flash.read_bytes()

    outcomes = set()
    confirmed_then_lost = []
    for write in range(boot // 2, boot + 260, 7):
        board.flash.write_bytes(image)
        confirmed = store_until_the_power_fails(board, connect, write)
        board.kill()
        found = board.read("/file")
        assert found in (OLD, NEW), f"cut at write {write}: {len(found or b'')} bytes"
        outcomes.add((confirmed, found == NEW))
        if confirmed and found != NEW:
            confirmed_then_lost.append(write)
    assert not confirmed_then_lost, "226 was said, and the file was not there after the cut"
    assert (False, False) in outcomes, "no cut came before the file was whole"
    assert (True, True) in outcomes, "no cut came after it"
