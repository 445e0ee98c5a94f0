"""ABOR, STAT and QUIT around a transfer: idle, on the way up, on the way down, with Telnet."""

import contextlib
import shutil
import socket
from pathlib import Path

import pytest

BIG = 16 * 1024 * 1024  # more than any socket's buffers hold


@pytest.fixture(scope="module")
def big(board):
    """A file on the card that takes longer than a client takes to say ABOR."""
    path = board.card / "big"
    with path.open("wb") as file:
        file.truncate(BIG)
    yield "/sd/big"
    path.unlink()


def unread(sock):
    """Bytes sent that the board's side has not read yet, as the kernel's table has them."""
    here, there = sock.getsockname()[1], sock.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        if row[1].endswith(f":{there:04X}") and row[2].endswith(f":{here:04X}"):
            return int(row[4].split(":")[1], 16)
    return 0


def test_idle_it_is_225(control):
    assert control.ask("ABOR").code == 225


def test_before_a_login_it_is_225_too(connect):
    assert connect(None).ask("ABOR").code == 225


def test_twice_it_aborts_once(control, big):
    control.begin(f"RETR {big}", small=True)

    control.send(b"ABOR\r\nABOR\r\nNOOP\r\n")

    assert [control.reply().code for _ in range(4)] == [426, 226, 225, 200]


def test_in_one_packet_with_its_transfer(control, big):
    """The transfer's task has not begun when it is cancelled."""
    control.passive_port()

    control.send(f"RETR {big}\r\nABOR\r\nNOOP\r\n".encode())

    assert [control.reply().code for _ in range(4)] == [150, 426, 226, 200]


@pytest.mark.parametrize("abor", [b"ABOR\r\n", b"abor\n", b"\xff\xf4\xff\xf2ABOR\r\n"])
def test_behind_a_command_that_waits_it_ends_the_transfer_and_replies_keep_their_order(
    control, big, abor
):
    control.begin(f"RETR {big}", small=True)

    control.send(b"PWD\r\nSIZE ABOR\r\n" + abor + b"NOOP\r\n")

    assert [control.reply().code for _ in range(5)] == [426, 257, 550, 225, 200]


def test_a_command_that_waits_is_no_abor_whatever_its_argument(control, folder):
    sock = control.begin(f"STOR {folder}/file")
    control.send(b"SIZE ABOR\r\nCLNT ABOR\r\n")
    sock.sendall(b"x" * 10)
    sock.close()

    assert [control.reply().code for _ in range(3)] == [226, 550, 200]


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
def test_a_client_that_dies_behind_a_command_that_waits_has_not_sent_its_file(
    connect, control, folder, wait_for, reset
):
    control.put(f"{folder}/file", b"old content")
    dying = connect()
    sock = dying.begin(f"STOR {folder}/file")
    sock.sendall(b"half")
    wait_for(lambda: "4 bytes so far" in dying.ask("STAT").text, "the first half")
    dying.send("PWD")

    if reset:
        dying.reset()
    else:
        dying.leave()
    wait_for(lambda: control.ask(f"APPE {folder}/file").code == 425, "the file to be free again")
    sock.close()

    assert control.get(f"{folder}/file") == b"old content"


@pytest.mark.parametrize("verb", ["PORT", "EPRT"])
def test_before_an_active_connection_is_taken(control, folder, verb):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        target = {
            "PORT": f"127,0,0,1,{port >> 8},{port & 255}",
            "EPRT": f"|1|127.0.0.1|{port}|",
        }
        assert control.ask(f"{verb} {target[verb]}").code == 200
        assert control.ask("ABOR").code == 225

    assert control.ask(f"STOR {folder}/file").code == 425, "the target is forgotten"


def test_a_listing_under_way_can_be_aborted(control, board):
    """Longer than the socket's buffers, so that it is under way for sure."""
    many = board.card / "listed"
    many.mkdir()
    for number in range(3_000):
        (many / f"{number:0200}").touch()
    control.begin("LIST /sd/listed", small=True)

    control.send("ABOR")

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.ask("NOOP").code == 200
    shutil.rmtree(many)


def test_idle_it_gives_a_passive_port_back(control):
    port = control.passive_port()
    assert control.ask("ABOR").code == 225

    assert control.ask("NLST /").code == 425
    assert control.passive_port() == port
    assert control.ask("ABOR").code == 225


def test_a_download_ends_with_426_and_226_and_the_session_goes_on(control, big, wait_for):
    sock = control.begin(f"RETR {big}", small=True)

    control.send("ABOR")

    assert control.reply().code == 426
    assert control.reply().code == 226
    with contextlib.suppress(ConnectionResetError):  # an aborted connection may end in a reset
        assert len(control.rest(sock)) < BIG
    assert control.ask("NOOP").code == 200
    assert "big" in control.names("/sd")


def test_an_upload_ends_with_426_and_226_and_leaves_the_old_file(control, folder, wait_for):
    control.put(f"{folder}/file", b"old content")
    sock = control.begin(f"STOR {folder}/file")
    sock.sendall(b"new")
    wait_for(lambda: "3 bytes so far" in control.ask("STAT").text, "the upload")

    control.send("ABOR")

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.get(f"{folder}/file") == b"old content"
    assert control.names(folder) == ["file"]


def test_a_listing_can_be_aborted(control, connect, wait_for):
    control.passive_port()  # nobody connects: the listing waits
    assert control.ask("LIST /").code == 150

    control.send("ABOR")

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.names("/sd") is not None


@pytest.mark.parametrize("at", range(1, 10))
def test_a_client_may_put_telnet_commands_before_abor(control, big, wait_for, at):
    """RFC 959 section 4.1.3: Telnet IP and Synch come first; a packet may end anywhere."""
    urgent = b"\xff\xf4\xff\xf2ABOR\r\n"
    control.begin(f"RETR {big}", small=True)

    control.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    control.send(urgent[:at])
    wait_for(lambda: unread(control.sock) == 0, "the first packet to be read")
    control.send(urgent[at:])

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.ask("NOOP").code == 200


def test_abor_behind_urgent_data_as_clients_send_it(control, big):
    control.begin(f"RETR {big}", small=True)

    control.sock.send(b"\xff\xf4", 0)
    control.sock.send(b"\xff", socket.MSG_OOB)
    control.sock.sendall(b"\xf2ABOR\r\n")

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.ask("NOOP").code == 200


def test_stat_during_a_transfer_tells_how_far_it_is(control, folder, wait_for):
    sock = control.begin(f"STOR {folder}/file")
    sock.sendall(b"x" * 1000)

    wait_for(lambda: f"STOR {folder}/file: 1000 bytes so far" in control.ask("STAT").text, "STAT")
    assert control.ask("NOOP").code == 200, "NOOP too is answered at once"
    sock.close()

    assert control.reply().code == 226
    assert "so far" not in control.ask("STAT").text


def test_other_commands_wait_for_the_transfers_end_and_keep_their_order(control, folder):
    sock = control.begin(f"STOR {folder}/file")
    control.send(f"SIZE {folder}/file\r\nPWD\r\n".encode())
    sock.sendall(b"x" * 70)
    sock.close()

    assert control.reply().code == 226
    assert control.reply().text == "213 70"
    assert control.reply().code == 257


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (b"NONSENSE", 500),
        (b"MKD", 501),
        (b"MKD a\0b", 501),
        (b"MKD \xff\xff\xc3", 501),
        (b"MKD " + b"x" * 600, 500),
    ],
    ids=["unknown", "no argument", "a NUL", "no UTF-8", "too long"],
)
def test_what_is_refused_during_a_transfer_waits_for_its_turn_too(control, folder, refused, code):
    """Only the order of the replies tells a client that pipelines which one is whose."""
    sock = control.begin(f"STOR {folder}/file")
    control.send(refused + b"\r\nPWD\r\nNOOP\r\n")
    sock.sendall(b"content")
    sock.close()

    assert [control.reply().code for _ in range(4)] == [226, code, 257, 200]


def test_quit_during_a_transfer_lets_it_finish(connect, control, folder):
    leaver = connect()
    sock = leaver.begin(f"STOR {folder}/file")
    leaver.send("QUIT")
    sock.sendall(b"still whole")
    sock.close()

    assert leaver.reply().code == 226
    assert leaver.reply().code == 221
    assert control.get(f"{folder}/file") == b"still whole"


def test_abor_while_the_data_connection_is_not_opened(control, folder):
    control.passive_port()
    assert control.ask(f"STOR {folder}/file").code == 150

    control.send("ABOR")

    assert control.reply().code == 426
    assert control.reply().code == 226
    assert control.ask("NLST /").code == 425, "the port is given back"
    assert control.names(folder) == []
