"""Bad input: long lines, odd packets, NUL, random bytes; 1,000 broken clients leak nothing."""

import contextlib
import random
import re
import socket
import time

import pytest


@pytest.mark.parametrize("length", [513, 600, 1024, 5000, 100_000])
def test_an_over_long_line_is_500_once_and_its_rest_is_thrown_away(control, length):
    control.send(b"NOOP " + b"x" * (length - 12) + b" DELE x\r\nPWD\r\n")

    assert control.reply().code == 500
    assert control.reply().code == 257


def test_a_line_of_512_bytes_is_taken(control):
    control.send(b"NOOP " + b"x" * (512 - 7) + b"\r\n")

    assert control.reply().code == 200


def test_the_rest_of_a_long_line_is_no_command_when_it_comes_later(control, folder, board):
    control.put(f"{folder}/file", b"x")
    control.send(b"x" * 2000)
    assert control.reply().code == 500
    control.send(f"DELE {folder}/file\r\nNOOP\r\n".encode())

    assert control.reply().code == 200
    assert control.names(folder) == ["file"]


def test_two_long_lines_are_two_replies(control):
    control.send((b"y" * 700 + b"\r\n") * 2 + b"NOOP\r\n")

    assert [control.reply().code for _ in range(3)] == [500, 500, 200]


def test_a_line_without_an_end_takes_no_memory(control, connect):
    def free():
        return int(control.ask("SITE free").lines[1].split()[3].removesuffix("KiB"))

    before = free()
    flooder = connect()
    for _ in range(64):
        flooder.send(b"z" * 65536)

    assert flooder.reply().code == 500
    assert abs(free() - before) < 12


def test_commands_may_come_byte_by_byte(control):
    control.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"PWD\r\nSYST\r\n":
        control.send(bytes([byte]))

    assert control.reply().code == 257
    assert control.reply().code == 215


def test_pipelined_commands_are_answered_in_order(control):
    control.send(b"PWD\r\nSYST\r\nXYZ\r\nCWD /\r\nPWD\r\nTYPE\r\n" * 50)

    codes = [control.reply().code for _ in range(300)]
    assert codes == [257, 215, 500, 250, 257, 501] * 50


def test_a_bare_lf_ends_a_line_too(control):
    control.send(b"PWD\nNOOP\n")

    assert [control.reply().code, control.reply().code] == [257, 200]


@pytest.mark.parametrize(
    "line",
    [b"RETR \xfc\xe4", b"\xfc", b"STOR \xc3", b"MKD \xed\xa0\x80", b"MKD \xc0\xae", b"\x80\x81"],
    ids=["latin-1", "a lone byte", "half a letter", "a surrogate", "too long", "continuations"],
)
def test_what_is_no_utf_8_is_refused_and_the_session_goes_on(control, line):
    control.send(line + b"\r\n")

    assert 500 <= control.reply().code < 560
    assert control.ask("NOOP").code == 200


@pytest.mark.parametrize("line", [b"CWD /\0etc", b"\0", b"NOOP\0", b"STOR a\0b", b"USER \0"])
def test_a_nul_is_refused(control, line):
    control.send(line + b"\r\n")

    assert 500 <= control.reply().code < 560
    assert control.ask("PWD").code in (257, 530)


@pytest.mark.parametrize(
    "line", [b"CWD /a\rb", b"MKD /\x1b[2J", b"NOOP \x07", b" NOOP", b"NOOP ", b"\r", b"\t"]
)
def test_control_characters_get_one_reply_in_one_line(control, line):
    control.send(line + b"\r\n")

    reply = control.reply()
    assert len(reply.lines) == 1
    assert "\r" not in reply.text
    assert control.ask("NOOP").code == 200
    control.ask("RMD /\x1b[2J")


def test_a_user_name_cannot_forge_a_reply_or_a_line_of_the_log(connect, board, control):
    stranger = connect(None)
    stranger.send(b"USER x\r230 forged\r\n")
    reply = stranger.reply()
    assert "\r" not in reply.text
    stranger.send(b"PASS y\r\n")
    assert stranger.reply().code in (503, 530)

    assert not re.search(r"^230 forged", board.console, re.MULTILINE)


@pytest.mark.parametrize("telnet", [b"\xff\xf1", b"\xff\xfb\x01", b"\xff\xfd\x03", b"\xff\xf6"])
def test_telnet_commands_between_the_lines_are_ignored(control, telnet):
    control.send(telnet + b"NO" + telnet + b"OP" + telnet + b"\r\n")

    assert control.reply().code == 200


def _leave_at_once(sock, port, rng):
    pass


def _leave_after_the_greeting(sock, port, rng):
    sock.recv(100)


def _leave_in_a_command(sock, port, rng):
    sock.sendall(b"USER adm")


def _talk_garbage(sock, port, rng):
    sock.sendall(rng.randbytes(rng.randrange(1, 3000)))


def _talk_telnet(sock, port, rng):
    sock.sendall(b"\xff\xf4\xff\xf2ABOR\r\n\xff\xfb\x18\xff")


def _talk_long(sock, port, rng):
    sock.sendall(b"A" * 5000 + b"\r\nNOOP\r\n")


def _log_in_and_leave(sock, port, rng):
    sock.sendall(b"USER admin\r\nPASS secret\r\nPWD\r\n")
    sock.recv(100)


def _leave_with_a_listener(sock, port, rng):
    _logged_in(sock, b"EPSV\r\n", b"229 ")


def _leave_with_a_listing_that_waits(sock, port, rng):
    _logged_in(sock, b"EPSV\r\nLIST\r\n", b"150 ")


def _leave_in_a_download(sock, port, rng):
    said = _logged_in(sock, b"TYPE I\r\nEPSV\r\n", b"229 ")
    data_port = int(re.search(rb"\|\|\|(\d+)\|", said)[1])
    with socket.create_connection(("127.0.0.1", data_port), 10):
        sock.sendall(b"RETR /main.py\r\n")


def _leave_in_an_upload(sock, port, rng):
    said = _logged_in(sock, b"TYPE I\r\nEPSV\r\n", b"229 ")
    data_port = int(re.search(rb"\|\|\|(\d+)\|", said)[1])
    with socket.create_connection(("127.0.0.1", data_port), 10) as data:
        sock.sendall(b"STOR /abandoned\r\n")
        data.sendall(b"x" * 2000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()


def _leave_with_an_active_port(sock, port, rng):
    _logged_in(sock, b"PORT 127,0,0,1,200,1\r\nLIST\r\n", b"150 ")


def _pipeline_and_leave(sock, port, rng):
    sock.sendall(b"USER admin\r\nPASS secret\r\n" + b"STAT\r\nHELP\r\nMLST\r\n" * 20)


def _logged_in(sock, commands, until):
    sock.sendall(b"USER admin\r\nPASS secret\r\n" + commands)
    said = b""
    while until not in said:
        more = sock.recv(4096)
        if not more:
            raise ConnectionError("sent away")
        said += more
    return said


WAYS = [way for name, way in sorted(globals().items()) if name.startswith(("_leave", "_talk"))]
WAYS += [_log_in_and_leave, _pipeline_and_leave]


def test_1000_clients_that_misbehave_leak_nothing(board, connect, wait_for):
    """Sessions, descriptors, listeners and heap are counted before and after."""
    rng = random.Random(20261122)

    def visit():
        way = rng.choice(WAYS)
        with socket.create_connection(("127.0.0.1", board.port), 10) as sock:
            sock.settimeout(10)
            with contextlib.suppress(OSError):
                way(sock, board.port, rng)
                if rng.random() < 0.5:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    for _ in range(40):  # what the first ones make for good, such as modules, is no leak
        visit()
    before, free = wait_for(lambda: _alone(board, connect), "the sessions to end")
    logins = _status(connect, "logins")
    began = time.monotonic()
    for _ in range(1000):
        visit()
    took = time.monotonic() - began
    after, free_after = wait_for(lambda: _alone(board, connect), "the sessions to end")

    print(
        f"1,000 connections in {took:.1f} s; sessions, descriptors, listeners: "
        f"{before} before, {after} after; heap free {free} and {free_after} KiB"
    )
    assert _status(connect, "logins") > logins + 400, "most of them got far enough to do harm"
    assert after == before
    assert free_after > free - 8
    assert took < 60
    assert "abandoned" not in connect().names("/")
    assert "Traceback" not in board.console
    assert "task/crash" not in board.console


def _status(connect, name):
    """A number of the FTP service's status."""
    with contextlib.closing(connect()) as observer:
        return int(re.search(rf"211-ftp .*\b{name} (\d+)", observer.ask("STAT").text)[1])


def _alone(board, connect):
    """((sessions, connections), free KiB) while one asks; None while others linger."""
    with contextlib.closing(connect()) as observer:
        sessions = int(re.search(r"\bsessions (\d+)", observer.ask("STAT").text)[1])
        if sessions > 1:
            return None
        free = int(observer.ask("SITE free").lines[1].split()[3].removesuffix("KiB"))
        return (sessions, board.connections()), free


@pytest.mark.parametrize("command", ["RMD /sd", "XRMD /sd/.", "RNFR /sd"])
def test_a_mounted_file_system_stays_where_it_is(power_up, connect, command):
    """An empty one too: it would take its own root for the folder, and the simulator's goes."""
    board = power_up()
    control = connect(to=board)
    assert control.ask(command).code == 550
    assert board.card.is_dir()
    assert "sd" in control.names("/")
    control.put("/sd/file", b"content")
    assert (board.card / "file").read_bytes() == b"content"
