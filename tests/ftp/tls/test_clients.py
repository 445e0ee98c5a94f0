"""Clients over FTPS: ftplib, curl and lftp verify the certificate; strangers leave."""

import ftplib
import io
import ssl

import pytest

from tests.ftp.conftest import Control
from tests.ftp.tls.conftest import BLOB


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
