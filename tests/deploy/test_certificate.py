"""Certificates for FTPS: what is in them, and how they come onto a board."""

import contextlib
import datetime
import ftplib
import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from outpost import certificate
from outpost.sim.desk import Board

OUTPOST = Path(sys.executable).with_name("outpost")


def names_of(der):
    """The names and addresses of a certificate, as text."""
    found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return [str(name.value) for name in found.value]


def knows(pem, port):
    """Log in over TLS at 127.0.0.1, verified with that certificate; the names in /."""
    with ftplib.FTP_TLS(context=ssl.create_default_context(cadata=pem), timeout=20) as ftp:
        ftp.connect("127.0.0.1", port)
        ftp.login("admin", "secret")
        return ftp.nlst("/")


def test_a_pair_belongs_together():
    pair = certificate.make(["weather-7.local", "192.168.1.77", "fd00::7"])
    key = serialization.load_der_private_key(pair.key, None)
    made = x509.load_der_x509_certificate(pair.cert)
    assert key.public_key() == made.public_key()
    assert key.curve.name == "secp256r1"
    made.verify_directly_issued_by(made)
    assert names_of(pair.cert) == ["weather-7.local", "192.168.1.77", "fd00::7"]
    assert len(pair.cert) + len(pair.key) < 1024, "it is parsed in a board's heap"


def test_it_lasts_as_long_as_a_board_in_the_field():
    now = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    made = x509.load_der_x509_certificate(certificate.make(["board"], now).cert)
    assert made.not_valid_before_utc < now
    assert made.not_valid_after_utc.year == 2026 + certificate.YEARS


def test_no_two_are_alike():
    one, other = certificate.make(["board"]), certificate.make(["board"])
    assert one.key != other.key
    assert one.fingerprint != other.fingerprint
    assert certificate.fingerprint_of(one.cert) == one.fingerprint


@pytest.mark.parametrize("names", [[], [""], ["two words"], ["-board"], ["a..b"], ["*.local"]])
def test_what_is_no_name_is_refused(names):
    with pytest.raises(ValueError, match="name"):
        certificate.make(names)


def test_deploy_brings_a_certificate_and_turns_tls_on(
    board, deploy, whole_tree, config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    port = json.loads(config.read_text())["ftp"]["port"]
    said = deploy("--config", config, "--tls", "127.0.0.1", "--tls", "board.local", of=whole_tree)
    pem = (tmp_path / "127.0.0.1.pem").read_text()
    board.wait(lambda: b"board/boot" in board.console, "running Outpost")
    assert "127.0.0.1.pem" in said
    assert "secret" not in said
    board.power_off()
    files = board.files()
    assert certificate.pem_of(files[certificate.CERT]) == pem
    assert names_of(files[certificate.CERT]) == ["127.0.0.1", "board.local"]
    assert certificate.fingerprint_of(files[certificate.CERT]) in said
    assert json.loads(files["/config.json"])["ftp"]["tls"] == {}
    with Board(board.image, ftp_port=port) as simulated:
        simulated.wait_ready()
        assert "outpost.bin" in knows(pem, port)


def test_a_later_deployment_leaves_the_certificate(board, deploy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = deploy("--no-reset", "--tls", "board.local")
    assert '"tls": {}' in said, "no config.json came along, so TLS is still off"
    deploy("--no-reset")
    board.power_off()
    files = board.files()
    assert (
        certificate.pem_of(files[certificate.CERT]) == (tmp_path / "board.local.pem").read_text()
    )
    assert files[certificate.KEY]


def test_tls_settings_of_ones_own_stay(deploy, board, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.json"
    own.write_text('{"ftp": {"tls": {"required": true}}}')
    deploy("--no-reset", "--config", own, "--tls", "board.local")
    board.power_off()
    assert board.files()["/config.json"] == own.read_bytes()


def test_a_dry_run_writes_nothing_here_either(deploy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = deploy("--dry-run", "--tls", "board.local")
    assert f"would copy {certificate.KEY}" in said
    assert not list(tmp_path.glob("*.pem"))


def test_a_wrong_name_is_told_before_the_board_is_touched(deploy, board):
    assert "neither a host name nor an address" in deploy("--tls", "two words", status=2)
    assert board.resets == 0


def test_sim_speaks_tls(tmp_path, free_port):
    port = free_port()
    config = tmp_path / "config.json"
    users = {"admin": {"password": "secret", "role": "admin", "root": "/"}}
    config.write_text(json.dumps({"ftp": {"users": users}}))
    options = ["--ftp-port", port, "--flash", tmp_path / "flash.img", "--config", config, "--tls"]
    first = None
    for _ in range(2):
        with subprocess.Popen(
            [OUTPOST, "sim", *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        ) as sim:  # fmt: skip
            try:
                lines = []
                for line in sim.stdout:
                    lines.append(line)
                    if "FTP ready" in line:
                        break
                pem = (tmp_path / "flash.pem").read_text()
                assert any("flash.pem" in line for line in lines)
                assert "outpost.bin" in knows(pem, port)
            finally:
                sim.send_signal(signal.SIGINT)
                with contextlib.suppress(ValueError):
                    sim.stdout.read()
        first = first or pem
        assert pem == first, "the board keeps its certificate"
