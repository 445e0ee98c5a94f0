"""IPv6: one listener for both kinds, EPSV and EPRT, real clients on [::1]."""

import contextlib
import ftplib
import io
import json
import re
import socket
from pathlib import Path

import pytest
from outpost import bundle


def with_ipv6():
    """Whether this host's kernel has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not with_ipv6(), reason="THIS KERNEL HAS NO ::1, IPv6 IS NOT TESTED: enable it on lo"
)


def listening_on(host):
    """The text of a config.json, as power_up() takes it, with another ftp.host."""

    def config(ports):
        users = {"admin": {"password": "secret", "role": "admin", "root": "/"}}
        ftp = json.loads(f"{{{ports}}}") | {"host": host, "users": users}
        return json.dumps({"name": "desk", "time": {"servers": ["127.0.0.1"]}, "ftp": ftp})

    return config


@pytest.fixture(scope="module")
def both(power_up):
    """A board that listens on ::, with its folder /six."""
    board = power_up(config=listening_on("::"))
    with contextlib.closing(at("::1", board)) as session:
        session.mkd("/six")
    return board


def at(address, board):
    """A session with the board over that address."""
    session = ftplib.FTP()
    session.connect(address, board.port, timeout=20)
    session.login("admin", "secret")
    return session


@pytest.fixture(params=["::1", "127.0.0.1"])
def session(both, request):
    with contextlib.closing(at(request.param, both)) as session:
        yield session


def refused(session, command):
    """The reply to a command that the board refuses."""
    with pytest.raises(ftplib.Error) as caught:
        session.sendcmd(command)
    return str(caught.value)


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_files_go_both_ways_over_either_kind(session, passive):
    session.set_pasv(passive)
    content = bytes(range(256)) * 100

    session.storbinary("STOR /six/file", io.BytesIO(content))
    received = []
    session.retrbinary("RETR /six/file", received.append)

    assert b"".join(received) == content
    assert "file" in session.nlst("/six")


def test_a_client_of_ipv4_is_known_by_its_ipv4_address(both):
    with contextlib.closing(at("127.0.0.1", both)) as session:
        assert "from 127.0.0.1)" in session.sendcmd("STAT")
        assert session.sendcmd("PASV").startswith("227 Entering Passive Mode (127,0,0,1,")
        assert session.sendcmd("EPSV 1").startswith("229 ")
        assert refused(session, "EPSV 2").endswith("use (1)")
        assert refused(session, "EPRT |2|::1|5000|") == (
            "522 Network protocol not supported, use (1)"
        )


def test_on_ipv6_the_commands_of_ipv4_say_what_to_use(both):
    with contextlib.closing(at("::1", both)) as session:
        assert "from ::1)" in session.sendcmd("STAT")
        assert "EPSV" in refused(session, "PASV")
        assert refused(session, "PASV").startswith("501 ")
        assert refused(session, "PORT 127,0,0,1,100,1").startswith("501 ")
        assert session.sendcmd("EPSV 2").startswith("229 ")
        assert refused(session, "EPSV 1") == "522 Network protocol not supported, use (2)"
        assert refused(session, "EPRT |1|127.0.0.1|5000|") == (
            "522 Network protocol not supported, use (2)"
        )


@pytest.mark.parametrize(
    "spelling", ["::1", "0:0:0:0:0:0:0:1", "0000::0001", "::0.0.0.1", "0::0:1"]
)
def test_eprt_takes_its_own_address_however_it_is_spelled(both, spelling):
    with contextlib.closing(at("::1", both)) as session:
        assert session.sendcmd(f"EPRT |2|{spelling}|5000|").startswith("200 ")


@pytest.mark.parametrize(
    "argument",
    [
        "|2|::2|5000|",
        "|2|fe80::1|5000|",
        "|2|::ffff:127.0.0.1|5000|",
        "|2|::1::|5000|",
        "|2|1:2:3:4:5:6:7|5000|",
        "|2|:::1|5000|",
        "|2|::+1|5000|",
        "|2|::1.2.3|5000|",
        "|2|::1|80|",
        "|2|::1||",
        "|2||5000|",
        "|2|localhost|5000|",
    ],
)
def test_eprt_takes_nothing_else(both, argument):
    with contextlib.closing(at("::1", both)) as session:
        assert refused(session, f"EPRT {argument}").startswith("501 ")


def test_a_data_connection_of_the_other_kind_is_somebody_elses(both):
    """The port listens for both; whoever comes over IPv4 is not who asked over IPv6."""
    with contextlib.closing(at("::1", both)) as session:
        port = int(re.search(r"\|\|\|(\d+)\|", session.sendcmd("EPSV"))[1])
        with socket.create_connection(("127.0.0.1", port), 20) as thief:
            session.putcmd("NLST /six")
            assert session.getresp().startswith("150 ")
            assert thief.recv(100) == b""
        with socket.create_connection(("::1", port), 20) as own:
            while own.recv(1000):
                pass
        assert session.getresp().startswith("226 ")


@pytest.mark.parametrize("way", [[], ["--ftp-port", "-"]], ids=["passive", "active"])
def test_curl(both, program, way):
    (program.folder / "up").write_bytes(b"from curl")
    url = f"ftp://admin:secret@[::1]:{both.port}/six/curl"

    program("curl", "-gsS", *way, "-T", "up", url)
    done = program("curl", "-gsS", *way, url)

    assert done.stdout == "from curl"


def test_wget(both, program):
    with contextlib.closing(at("::1", both)) as session:
        session.storbinary("STOR /six/wget", io.BytesIO(b"for wget"))

    program("wget", "-q", "-O", "got", f"ftp://admin:secret@[::1]:{both.port}/six/wget")

    assert (program.folder / "got").read_bytes() == b"for wget"


def test_lftp(both, program):
    (program.folder / "up").write_bytes(b"from lftp")
    script = "set cmd:fail-exit yes; put -O /six up -o lftp; cat /six/lftp; cls /six; exit"

    done = program("lftp", "-u", "admin,secret", "-p", both.port, "-e", script, "::1")

    assert done.stdout.startswith("from lftp")


def test_tnftp(both, program):
    (program.folder / "up").write_bytes(b"from tnftp")
    script = "user admin secret\nput up /six/tnftp\nget /six/tnftp down\nquit\n"

    program("tnftp", "-n", "::1", both.port, text=script)

    assert (program.folder / "down").read_bytes() == b"from tnftp"


# As on an ESP32: addresses of IPv6 lead nowhere.
WITHOUT_IPV6 = """
import socket
import hal.net

class Without:
    SOL_SOCKET, SO_REUSEADDR, socket = socket.SOL_SOCKET, socket.SO_REUSEADDR, socket.socket

    @staticmethod
    def getaddrinfo(host, port):
        return [] if ":" in host else socket.getaddrinfo(host, port)

hal.net.socket = Without
"""


def test_where_the_port_has_no_ipv6_ipv4_is_served_and_the_reason_told(power_up):
    main = WITHOUT_IPV6 + (bundle.tree_root() / "main.py").read_text()
    board = power_up(config=listening_on("::"), main=main, source=True)

    with contextlib.closing(at("127.0.0.1", board)) as session:
        assert "this port has no IPv6" in session.sendcmd("STAT")
        assert "main.py" in session.nlst()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", board.port), 20)


def test_a_host_may_be_one_address_of_ipv6(power_up, wait_for):
    board = power_up(config=listening_on("::1"), wait=False)

    def answers():
        with contextlib.suppress(ConnectionRefusedError):
            return at("::1", board)

    with contextlib.closing(wait_for(answers, "a login over ::1")) as session:
        assert session.sendcmd("EPSV").startswith("229 ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", board.port), 20)


def test_nothing_stays_open(both, wait_for):
    before = len(list(Path(f"/proc/{both.pid}/fd").iterdir()))

    for address in ("::1", "127.0.0.1"):
        with contextlib.closing(at(address, both)) as session:
            session.nlst("/six")
            session.sendcmd("EPSV")

    wait_for(lambda: len(list(Path(f"/proc/{both.pid}/fd").iterdir())) == before, "all closed")
