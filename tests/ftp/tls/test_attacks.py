"""Attacks on FTPS and clients that fail: handshakes, data connections cut short or silent."""

import contextlib
import socket
import ssl
import threading
import time

import pytest

from tests.ftp.conftest import Control
from tests.ftp.tls.conftest import BLOB, Secure

SLOW_S = 0.25  # an innocent session's NOOP


def handshake_bytes(context):
    """What a client sends first: its ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def slowest_noop(control, seconds):
    """The longest that a NOOP took, in seconds, asked again and again for so long."""
    slowest = 0
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        assert control.ask("NOOP").code == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    return slowest


class TestAttacks:
    def test_plaintext_behind_auth_is_thrown_away(self, board, context, same_sockets):
        control = Secure(board.port, context)
        control.send(b"AUTH TLS\r\nUSER admin\r\nPASS secret\r\nMKD /injected\r\n")
        assert control.reply().code == 234
        control.sock = control.wrap(control.sock)
        control._reader = control.sock.makefile("rb")
        # The next reply is this command's: nothing of what was pipelined was obeyed.
        assert control.ask("PWD").code == 530
        assert control.ask("PASS secret").code == 503
        assert "injected" not in control.login().private().names("/")
        control.close()

    @pytest.mark.parametrize(
        "garbage",
        [
            b"USER admin\r\nPASS secret\r\n",
            b"\x16\x03\x01\xff\xff" + b"x" * 2000,
            b"\x15\x03\x03\x00\x02\x01\x00",
            b"\x17\x03\x03\x00\x20" + b"x" * 32,
            b"\x16\x03\x01\x00\x00" * 50,
        ],
        ids=["ftp", "huge", "alert", "data", "empty records"],
    )
    def test_garbage_for_a_handshake(self, board, secure, garbage, same_sockets):
        control = Control(board.port)
        assert control.ask("AUTH TLS").code == 234
        with contextlib.suppress(OSError):  # the board may have enough of it before the end
            control.sock.sendall(garbage)
            control.sock.shutdown(socket.SHUT_WR)
        assert control.closed()
        control.close()
        innocent = secure()
        assert innocent.ask("NOOP").code == 200
        innocent.close()

    def test_half_a_handshake_keeps_nobody_waiting(self, board, context, secure, same_sockets):
        innocent = secure()
        halves = []
        for size in (0, 5, 100):
            half = Control(board.port)
            assert half.ask("AUTH TLS").code == 234
            half.sock.sendall(handshake_bytes(context)[:size])
            halves.append(half)
        assert slowest_noop(innocent, 3) < SLOW_S
        for half in halves:
            assert half.closed(), "login_s bounds the handshake too"
            half.close()
        assert slowest_noop(innocent, 0.2) < SLOW_S
        innocent.close()

    def test_a_flood_of_handshakes_leaves_time_for_others(self, board, context, secure):
        innocent = secure()
        over = threading.Event()
        count = []

        def flood():
            while not over.is_set():
                control = Secure(board.port, context)
                control.auth()
                count.append(1)
                control.close()

        floods = [threading.Thread(target=flood) for _ in range(4)]
        for thread in floods:
            thread.start()
        try:
            slowest = slowest_noop(innocent, 3)
        finally:
            over.set()
            for thread in floods:
                thread.join()
        assert len(count) > 20
        assert slowest < SLOW_S

    def test_an_upload_cut_short_is_none(self, secure, same_sockets):
        control = secure()
        control.put("/whole", b"the old file")
        sock = control.begin("STOR /whole")
        sock.sendall(b"x" * 30_000)
        # As an attacker on the way would: a FIN of TCP, without TLS's close_notify.
        socket.socket.shutdown(sock, socket.SHUT_WR)
        assert control.reply().code == 426
        sock.close()
        assert control.get("/whole") == b"the old file"
        control.close()

    def test_an_upload_cut_inside_a_record_is_none(self, secure, same_sockets):
        control = secure()
        control.put("/inside", b"the old file")
        raw = super(Secure, control).begin("STOR /inside")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = control._context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        client.write(b"first")
        client.write(b"x" * 10_000)
        raw.sendall(outgoing.read()[:-5])
        raw.close()
        assert control.reply().code == 426
        assert control.get("/inside") == b"the old file"
        control.close()

    @pytest.mark.parametrize("command", ["STOR /never", "RETR /config.json", "MLSD /"])
    def test_a_silent_data_connection_is_aborted(self, secure, command, same_sockets):
        control = secure()
        silent = super(Secure, control).begin(command)
        assert control.ask("STAT").code == 211
        assert control.ask("NOOP").code == 200
        assert control.ask("ABOR").code == 426
        assert control.reply().code == 226
        silent.close()
        assert control.ask("SIZE /never").code == 550
        control.put("/after", b"goes on")
        control.close()

    def test_a_silent_data_connection_ends_by_itself(self, secure, same_sockets):
        control = secure()
        silent = super(Secure, control).begin("RETR /config.json")
        began = time.monotonic()
        assert control.reply().code == 426
        assert time.monotonic() - began < 18
        silent.close()
        control.close()

    def test_no_tls_on_a_data_connection(self, secure, same_sockets):
        control = secure()
        sock = super(Secure, control).begin("STOR /in-clear")
        sock.sendall(b"not a handshake, but a file in clear" * 10)
        assert control.reply().code == 522
        sock.close()
        assert control.ask("SIZE /in-clear").code == 550
        control.put("/after", b"goes on")
        control.close()

    def test_abor_in_the_middle(self, secure, same_sockets):
        control = secure()
        control.put("/big", BLOB)
        sock = control.begin("RETR /big", small=True)
        assert sock.recv(1000)
        assert control.ask("ABOR").code == 426
        assert control.reply().code == 226
        sock.close()
        sock = control.begin("STOR /big")
        sock.sendall(BLOB[:100_000])
        assert control.ask("ABOR").code == 426
        assert control.reply().code == 226
        sock.close()
        assert control.get("/big") == BLOB
        control.close()

    def test_clients_that_die(self, board, secure, same_sockets):
        control = secure()
        control.put("/dying", BLOB)
        control.begin("RETR /dying", small=True)
        control.reset()
        control = secure()
        control.begin("STOR /dying").sendall(BLOB[:50_000])
        control.reset()
        control = secure()
        assert control.get("/dying") == BLOB
        control.close()

    def test_slow_readers_get_all_of_it(self, secure):
        control = secure()
        control.put("/slow", BLOB[:300_000])
        sock = control.begin("RETR /slow", small=True)
        got = b""
        while piece := sock.recv(3000):
            got += piece
            time.sleep(0.001)
        assert control.reply().code == 226
        assert got == BLOB[:300_000]

    def test_slow_writers_and_large_records(self, secure):
        """A record is larger than the board's buffer: its rest shows in no poll of the socket."""
        control = secure()
        sock = control.begin("STOR /records")
        for start in range(0, 160_000, 16_000):
            sock.sendall(BLOB[start : start + 16_000])
            time.sleep(0.02)
        control.end(sock)
        assert control.reply().code == 226
        assert control.get("/records") == BLOB[:160_000]
