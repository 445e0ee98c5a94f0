"""Uploads that only look finished: a client that dies ends its data as one that is done does."""

import random
import subprocess
import sys
import time

import pytest

OLD = b"the old content"
ROUNDS = 50

# Two connections, the data connection's descriptor after the control connection's or before.
# Linux closes what a killed process had open in the reverse order.
CLIENT = """
import os, re, socket, sys, time
port, path, order = int(sys.argv[1]), sys.argv[2], sys.argv[3]
spare = os.open("/dev/null", os.O_RDONLY)
control = socket.create_connection(("127.0.0.1", port))
reader = control.makefile("rb")
reader.readline()
def ask(command):
    control.sendall(command.encode() + b"\\r\\n")
    return reader.readline().decode()
ask("USER admin"), ask("PASS secret"), ask("TYPE I")
if order == "data lowest":
    os.close(spare)
data = socket.create_connection(
    ("127.0.0.1", int(re.search(r"[|]{3}(\\d+)", ask("EPSV"))[1]))
)
ask("STOR " + path)
while True:
    data.sendall(b"n" * 500)
    print("sent", flush=True)
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def board(watched_board):
    return watched_board


@pytest.fixture(autouse=True)
def innocent(bystander, board):
    with bystander(board) as innocent:
        yield innocent


@pytest.fixture
def old(control):
    """A file with the old content; afterwards that is all there is in its folder."""
    control.ask("TYPE I")
    control.ask("MKD /old")
    control.put("/old/file", OLD)
    yield "/old/file"
    assert control.names("/old") == ["file"]
    assert control.get("/old/file") == OLD
    assert control.ask("DELE /old/file").code == control.ask("RMD /old").code == 250


@pytest.mark.parametrize("order", ["control lowest", "data lowest"])
def test_a_client_that_is_killed_has_not_finished(board, control, old, order):
    rng = random.Random(order)
    for number in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-IS", "-c", CLIENT, str(board.port), old, order],
            stdout=subprocess.PIPE,
        ) as client:
            for _ in range(rng.randrange(2, 12)):
                assert client.stdout.readline() == b"sent\n"
            client.kill()
        assert _ended(control) == OLD, f"client {number} was taken for one that is done"


def test_a_curl_that_is_killed_has_not_finished(board, control, old, program, wait_for):
    (program.folder / "new").write_bytes(b"n" * 1_000_000)
    command = [program.find("curl"), "-s", "--limit-rate", "60k", "-T", "new"]
    command.append(f"ftp://admin:secret@127.0.0.1:{board.port}{old}")
    for number in range(ROUNDS):
        with subprocess.Popen(command, cwd=program.folder, env=program.environment) as client:
            wait_for(lambda: "STOR /old/file" in control.ask("SITE who").text, "the upload")
            time.sleep(random.Random(number).random() / 8)  # whenever; nothing to wait for
            client.kill()
        assert _ended(control) == OLD, f"client {number} was taken for one that is done"


def test_a_client_that_closes_its_data_and_then_all_has_not_finished(connect, control, old):
    for number in range(ROUNDS):
        session = connect()
        sock = session.begin(f"STOR {old}")
        sock.sendall(b"n" * 2000)
        while "2000 bytes so far" not in session.ask("STAT").text:
            pass
        time.sleep(0.01)  # less, and it is taken for one that hardly can have died
        sock.close()
        session.leave()
        assert _ended(control) == OLD, f"client {number} was taken for one that is done"


def test_a_client_that_has_sent_more_commands_before_it_dies_has_not_finished(
    connect, control, old
):
    """A command that waits for the transfer's end keeps the session from reading on."""
    for commands in (b"PWD\r\n", b"PWD\r\nSIZE /x\r\nNO", b"TYPE I\r\n" * 20):
        session = connect()
        sock = session.begin(f"STOR {old}")
        sock.sendall(b"n" * 2000)
        while "2000 bytes so far" not in session.ask("STAT").text:
            pass
        session.send(commands)
        session.leave()
        sock.close()
        assert _ended(control) == OLD, commands


def test_a_client_that_pipelines_and_lives_has_finished(connect, control):
    session = connect()
    sock = session.begin("STOR /pipelined")
    session.send(b"SIZE /pipelined\r\nPWD\r\n")
    sock.sendall(b"n" * 2000)
    sock.close()

    assert session.reply().code == 226
    assert session.reply().text == "213 2000"
    assert session.reply().code == 257
    assert control.ask("DELE /pipelined").code == 250


def _ended(control):
    """What the file holds once nobody writes it any more."""
    sock = control.data()
    while (reply := control.ask("RETR /old/file")).code == 450:
        pass
    assert reply.code == 150, reply
    content = control.rest(sock)
    assert control.reply().code == 226
    return content
