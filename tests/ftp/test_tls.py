"""FTPS (RFC 4217): commands, logins and data over TLS; what is refused, and what attackers try."""

import contextlib
import ftplib
import io
import os
import re
import socket
import ssl
import threading
import time

import pytest
from outpost import certificate

from tests.ftp.conftest import Control, wait_until

BLOB = os.urandom(1 << 20)
SLOW_S = 0.25  # an innocent session's NOOP


@pytest.fixture(scope="module")
def pair():
    """A certificate for the board, and its key."""
    return certificate.make(["127.0.0.1"])


@pytest.fixture(scope="module")
def context(pair):
    """What clients need to know the board by: its certificate, verified with its address."""
    context = ssl.create_default_context(cadata=pair.pem)
    # MicroPython can't send close_notify: docs/ftp.md.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


@pytest.fixture(scope="module")
def start_tls(power_up, pair):
    """Start a board with a certificate: (required=False, ftp=None, files=None, **) -> Desk."""

    def start(required=False, ftp=None, files=None, **options):
        ftp = {"tls": {"required": required}} | (ftp or {})
        files = {file.path: file.content for file in pair.files} | (files or {})
        return power_up(ftp=ftp, files=files, **options)

    return start


@pytest.fixture(scope="module")
def board(start_tls):
    """The board that most of these tests share; its login limit is the shortest."""
    return start_tls(ftp={"login_s": 10})


@pytest.fixture
def same_sockets(board):
    """The test must leave the board with the sockets that it began with."""
    before = wait_until(lambda: settled(board), "no socket comes or goes")
    yield
    wait_until(lambda: board.connections() == before, f"{before} connections as before")


def settled(board):
    """The sockets, where they stay the same for a moment; else None."""
    before = board.connections()
    time.sleep(0.2)
    return before if board.connections() == before else None


class Secure(Control):
    """A control connection that can become TLS, and its data connections with it."""

    def __init__(self, port, context):
        super().__init__(port)
        self._context = context
        self._wrapped = False

    def wrap(self, sock):
        return self._context.wrap_socket(sock, server_hostname="127.0.0.1")

    def auth(self):
        """AUTH TLS and the handshake."""
        assert self.ask("AUTH TLS").code == 234
        self._reader.close()
        self.sock = self.wrap(self.sock)
        self._reader = self.sock.makefile("rb")
        return self

    def private(self):
        """PBSZ 0 and PROT P."""
        assert self.ask("PBSZ 0").code == 200
        assert self.ask("PROT P").code == 200
        self._wrapped = True
        return self

    def begin(self, command, small=False):
        sock = super().begin(command, small)
        return self.wrap(sock) if self._wrapped else sock

    def store(self, command, content):
        sock = self.begin(command)
        sock.sendall(content)
        self.end(sock)
        return self.reply()

    def end(self, sock):
        """Close a data connection as clients do, with close_notify."""
        (sock.unwrap() if self._wrapped else sock).close()


@pytest.fixture
def secure(board, context):
    """Open a control connection over TLS: (user="admin", to=None, private=True) -> Secure.

    user None: after the handshake, not logged in.
    """
    opened = []

    def open_one(user="admin", to=None, private=True):
        control = Secure((to or board).port, context)
        opened.append(control)
        control.auth()
        if user:
            control.login(user)
            assert control.ask("TYPE I").code == 200
        return control.private() if private else control

    yield open_one
    for control in opened:
        control.close()


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


class TestClients:
    """Clients that nobody here wrote, with the certificate verified."""

    @pytest.mark.parametrize("content", [BLOB, b""], ids=["1 MiB", "nothing"])
    def test_ftplib(self, board, context, content, same_sockets):
        with ftplib.FTP_TLS(context=context, timeout=20) as ftp:
            ftp.connect("127.0.0.1", board.port)
            ftp.login("admin", "secret")
            assert ftp.sock.version() == "TLSv1.2"
            ftp.prot_p()
            ftp.storbinary("STOR /ftplib", io.BytesIO(content))
            assert ftp.size("/ftplib") == len(content)
            got = io.BytesIO()
            ftp.retrbinary("RETR /ftplib", got.write)
            assert got.getvalue() == content
            assert "ftplib" in ftp.nlst("/")
            assert ("ftplib", str(len(content))) in [
                (name, facts["size"]) for name, facts in ftp.mlsd("/") if facts["type"] == "file"
            ]
            lines = []
            ftp.storlines("STOR /lines", io.BytesIO(b"one\r\ntwo\r\n"))
            ftp.retrlines("RETR /lines", lines.append)
            assert lines == ["one", "two"]
            ftp.delete("/ftplib")
            ftp.quit()

    def test_ftplib_with_its_data_in_clear(self, board, context, same_sockets):
        with ftplib.FTP_TLS(context=context, timeout=20) as ftp:
            ftp.connect("127.0.0.1", board.port)
            ftp.login("admin", "secret")
            ftp.storbinary("STOR /half", io.BytesIO(BLOB))
            got = io.BytesIO()
            ftp.retrbinary("RETR /half", got.write)
            assert got.getvalue() == BLOB
            ftp.quit()

    def test_ftplib_active(self, board, context, same_sockets):
        with ftplib.FTP_TLS(context=context, timeout=20) as ftp:
            ftp.connect("127.0.0.1", board.port)
            ftp.login("admin", "secret")
            ftp.prot_p()
            ftp.set_pasv(False)
            ftp.storbinary("STOR /active", io.BytesIO(BLOB))
            got = io.BytesIO()
            ftp.retrbinary("RETR /active", got.write)
            assert got.getvalue() == BLOB
            ftp.quit()

    def test_curl(self, board, program, pair, same_sockets):
        (program.folder / "board.pem").write_text(pair.pem)
        (program.folder / "out").write_bytes(BLOB)
        (program.folder / "nothing").write_bytes(b"")
        url = f"ftp://admin:secret@127.0.0.1:{board.port}/"
        curl = ("curl", "-sS", "--ssl-reqd", "--cacert", "board.pem")
        for name in ("out", "nothing"):
            program(*curl, "-T", name, url + "curl")
            program(*curl, url + "curl", "-o", "back")
            assert (program.folder / "back").read_bytes() == (program.folder / name).read_bytes()
        assert "curl" in program(*curl, url).stdout

    def test_lftp_mirrors_there_and_back(self, board, program, pair, same_sockets):
        (program.folder / "board.pem").write_text(pair.pem)
        tree = program.folder / "tree"
        (tree / "in").mkdir(parents=True)
        for number in range(8):
            (tree / "in" / f"{number}").write_bytes(BLOB[: number * 9000])
        script = (
            "set ssl:ca-file board.pem; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
            f"set net:max-retries 1; open -u admin,secret -p {board.port} 127.0.0.1; "
            "mirror -R -P 3 tree /lftp; mirror -P 3 /lftp back; rm -r /lftp"
        )
        program("lftp", "--norc", "-c", script)
        for number in range(8):
            back = program.folder / "back" / "in" / f"{number}"
            assert back.read_bytes() == BLOB[: number * 9000]

    def test_who_does_not_know_the_certificate_leaves(self, board, secure, same_sockets):
        stranger = Control(board.port)
        assert stranger.ask("AUTH TLS").code == 234
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(stranger.sock, server_hostname="127.0.0.1")
        stranger.close()
        control = secure()
        assert control.ask("NOOP").code == 200
        control.close()


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


class TestFiles:
    def test_a_certificate_that_comes_over_ftp_works_at_once(
        self, power_up, connect, secure, pair
    ):
        """And FTP runs on without one."""
        board = power_up(ftp={"tls": {}})
        control = connect(to=board)
        assert "ftp.tls" in control.ask("STAT").text
        assert control.ask("AUTH TLS").code == 431
        assert control.ask("MKD /tls").code == 257
        for file in pair.files:
            control.put(file.path, file.content)
        assert secure(to=board).ask("NOOP").code == 200
        assert " AUTH TLS" in control.ask("FEAT").lines
        assert "ftp.tls" not in control.ask("STAT").text, "it still tells of what was put right"

    def test_a_certificate_that_is_damaged_later_is_told_until_it_is_whole(
        self, start_tls, connect, secure
    ):
        board = start_tls()
        control = connect(to=board)
        whole = control.get(certificate.CERT)
        control.put(certificate.CERT, whole[:100])
        assert connect(None, to=board).ask("AUTH TLS").code == 431
        assert "no TLS until it is put right" in control.ask("STAT").text
        control.put(certificate.CERT, whole)
        assert secure(to=board).ask("NOOP").code == 200
        assert "ftp.tls" not in control.ask("STAT").text

    @pytest.mark.parametrize("user", ["admin", "writer", "reader"])
    def test_nobody_reads_the_key(self, secure, user, pair):
        control = secure(user)
        for command in (
            f"RETR {certificate.KEY}",
            "RETR /tls/../tls//key.der",
            f"HASH {certificate.KEY}",
            f"RNFR {certificate.KEY}",
            "RNFR /tls",
        ):
            control.passive_port()
            assert control.ask(command).code >= 500, command
        if user != "reader":
            control.passive_port()
            reply = control.ask(f"APPE {certificate.KEY}")
            assert reply.code >= 500, reply
            assert control.ask("REST 3").code == 350
            assert control.ask(f"STOR {certificate.KEY}").code >= 500

    @pytest.mark.parametrize("user", ["writer", "reader"])
    def test_others_than_admins_do_not_touch_the_certificate(self, secure, user):
        control = secure(user)
        for path in (certificate.CERT, certificate.KEY):
            for command in ("STOR", "DELE", "RNFR"):
                control.passive_port()
                assert control.ask(f"{command} {path}").code >= 500
        assert not control.ask("STAT /tls").text.count(".der")

    def test_admins_renew_both(self, start_tls, secure, pair):
        board = start_tls()
        control = secure(to=board)
        for file in certificate.make(["127.0.0.1"]).files:
            control.put(file.path, file.content)
        assert control.get(certificate.CERT) != pair.cert

    @pytest.mark.parametrize(
        ("tls", "says"),
        [
            ({"required": "yes"}, "ftp.tls.required: must be true or false; it is true"),
            ({"data": 1}, "ftp.tls.data: must be true or false; it is true"),
            ({"cert": 7}, "ftp.tls.cert: must be a path"),
            ({"keys": "/k"}, "ftp.tls.keys: no such key"),
            ({"key": "/config.json"}, "invalid key"),
            (True, "ftp.tls: must be an object"),
        ],
    )
    def test_wrong_settings_are_named(self, power_up, pair, tls, says):
        files = {file.path: file.content for file in pair.files}
        board = power_up(ftp={"tls": tls}, files=files)
        board.wait_console(says)
        if tls == {"required": "yes"}:
            control = Control(board.port)
            assert control.ask("USER admin").code == 530
            control.close()


HOG = """
import asyncio, gc, os, sys

async def run(status, events):
    print("TLS is loaded" if "services_ftp_tls" in sys.modules else "TLS is not loaded")
    while True:
        await asyncio.sleep_ms(50)
        try:
            os.stat("/hog")
            break
        except OSError:
            pass
    held = []
    gc.collect()
    while gc.mem_free() > 12000:
        held.append(bytearray(512))
        gc.collect()
    print("hogging")
    await asyncio.sleep(4)
    held = None
    gc.collect()
    print("freed")
    await asyncio.sleep(3600)
"""


class TestHeap:
    def test_nothing_of_tls_is_loaded_unless_it_is_configured(self, power_up, start_tls):
        for start, says in ((power_up, "TLS is not loaded"), (start_tls, "TLS is loaded")):
            board = start(sections={"app": "app"}, files={"/app.py": HOG})
            board.wait_console(says)

    def test_a_small_heap_refuses_and_the_board_goes_on(self, start_tls, connect, secure):
        board = start_tls(sections={"app": "app"}, files={"/app.py": HOG})
        poor = connect(None, to=board)
        for command, code in (("NOOP", 200), ("CCC", 533)):  # their modules are there
            assert poor.ask(command).code == code
        connect(to=board).put("/hog", b"")
        board.wait_console("hogging")
        reply = poor.ask("AUTH TLS")
        assert reply.code == 431
        assert "memory" in reply.text
        assert poor.ask("NOOP").code == 200
        board.wait_console("freed")
        assert secure(to=board).ask("NOOP").code == 200


WIRE = """
from services.ftp.tls import _Wire

class Socket:
    def __init__(self, pieces):
        self.pieces = pieces

    def readinto(self, buffer):
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        if piece[size:]:
            self.pieces.insert(0, piece[size:])
        return size

    def write(self, buffer, start, size):
        return size

wire = _Wire(Socket(%r), False)
while True:
    header = bytearray(5)
    done = 0
    want = header
    while done < len(want):
        rest = bytearray(len(want) - done)
        size = wire.readinto(rest)
        if size <= 0:
            break
        want[done : done + size] = rest[:size]
        done += size
        if want is header and done == 5:
            want = bytearray(header[3] << 8 | header[4])
            done = 0
    if size <= 0:
        print(size)
        break
"""
RECORD = b"\x17\x03\x03\x01\x00" + bytes(251) + b"\x15\x03\x03\x00\x00"
ALERT = b"\x15\x03\x03\x00\x02\x01\x00"


@pytest.mark.parametrize(
    ("received", "end"),
    [
        (RECORD, -103),
        (RECORD + ALERT, 0),
        (RECORD + ALERT[:-1], -103),
        (RECORD + ALERT[:3], -103),
        (RECORD + RECORD[:-5], -103),
        (ALERT, 0),
        (b"", -103),
    ],
    ids=["data", "alert", "half an alert", "half a header", "half a record", "first", "nothing"],
)
@pytest.mark.parametrize("size", [1, 2, 5, 251, 256, 1000])
def test_only_an_alert_ends_the_data(micropython, received, end, size):
    """Whatever the pieces, and whatever data looks like: a record's end may look like an alert."""
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    assert micropython(WIRE % pieces) == f"{end}\n"


SHAKE = """
from services.ftp.tls import _Wire

class Socket:
    sizes = [50, 40, 1, 0, 5, None, 40]

    def write(self, buffer, start, size):
        return self.sizes.pop(0)

    def readinto(self, buffer):
        return 1

wire = _Wire(Socket(), False)
data = bytearray(1)
for record in ((22, 50), (22, 40), (20, 6), (20, 5), (20, 5), (22, 40), (22, 40)):
    wire.write(bytes(record[:1]) + bytes(record[1] - 1))
    print(record[0], wire.blocked, wire.done, wire.readinto(data))
wire.shaking = False
print(wire.readinto(data))
"""


def test_the_end_of_a_handshake_is_seen_and_takes_no_data(micropython):
    """ChangeCipherSpec in pieces, one of them nothing, then the last record at its second try."""
    assert micropython(SHAKE).splitlines() == [
        "22 False False 1",
        "22 False False 1",
        "20 True False 1",
        "20 True False 1",
        "20 False False 1",
        "22 True False 1",
        "22 False True None",
        "1",
    ]


PUMP = """
import asyncio, socket, time
from services.ftp.data.pump import receive

class Secured:
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # never readable
    left = 3

    def readinto(self, buffer):
        time.sleep_ms(6)
        self.left -= 1
        return max(self.left, 0)

class Transfer:
    pass

transfer = Transfer()
received = receive(Secured(), lambda buffer, size: None, bytearray(9), transfer)
asyncio.run(asyncio.wait_for(received, 5))
print(transfer.bytes)
"""


def test_what_is_left_of_a_record_needs_no_more_of_the_socket(micropython):
    """After a slice of time the pump goes on with what TLS has decrypted already."""
    assert micropython(PUMP) == "3\n"


PACE = """
import asyncio
from time import ticks_add, ticks_diff, ticks_ms
from services.ftp.tls import Tls

tls = Tls("/c", "/k", False, True, {})

def waited():
    began = ticks_ms()
    asyncio.run(tls.turn())
    return ticks_diff(ticks_ms(), began)

print(waited() < 50)
tls.rest(ticks_add(ticks_ms(), -300))
print(waited() > 200)
print(waited() < 50)
tls._rested = ticks_add(ticks_ms(), 1 << 28)  # ticks that wrapped
print(waited() < 50)
"""


def test_handshakes_rest_as_long_as_they_worked(micropython):
    assert micropython(PACE) == "True\n" * 4


def test_the_longest_step(board, secure):
    """What docs/ftp.md says of a handshake's longest call, on a host."""
    control = secure()
    for _ in range(5):
        control.names("/tls")
    stall = re.search(r"longest stall (\d+) ms", control.ask("STAT").text)
    assert stall
    assert int(stall[1]) < 1000


SPARE = """
import gc, socket
from services.ftp import tls

class Full:
    collect = gc.collect

    def mem_free():
        return free

tls.gc = Full
owner = tls.Tls(%r, %r, False, True, {})
sock = socket.socket()
for free in (8191, 8192):
    try:
        owner.wrap(sock)
        print("wrapped")
    except MemoryError:
        print("refused", sock.fileno() >= 0)
"""


def test_a_heap_that_is_nearly_full_refuses(micropython, tmp_path, pair):
    """Where mbedtls would find room for its buffers, but none for its arithmetic."""
    (tmp_path / "cert").write_bytes(pair.cert)
    (tmp_path / "key").write_bytes(pair.key)
    names = str(tmp_path / "cert"), str(tmp_path / "key")
    assert micropython(SPARE % names) == "refused True\nwrapped\n"
