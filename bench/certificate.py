"""A certificate for the servers under test, so that FTPS can be measured."""

import contextlib
import datetime
import sys
import tempfile
from pathlib import Path

from outpost import bundle
from outpost.sim.flash import Flash

SERVER_SIDE = "services/ftp/tls.py"


class Certificate:
    """A self-signed one on P-256, as boards have it: its curve is the cheapest for them.

    pem: a file of key and certificate; cert, key: DER files. settings: what config.json says of
    it in ftp.tls.
    """

    def __init__(self, folder):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )

        def key_as(encoding):
            form = serialization.PrivateFormat.PKCS8
            return key.private_bytes(encoding, form, serialization.NoEncryption())

        pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
        self.pem = folder / "bench.pem"
        self.pem.write_bytes(key_as(pem) + made.public_bytes(pem))
        self.cert, self.key = folder / "cert.der", folder / "key.der"
        self.cert.write_bytes(made.public_bytes(der))
        self.key.write_bytes(key_as(der))
        self.settings = {"cert": "/tls/cert.der", "key": "/tls/key.der"}

    def put_on(self, image):
        """Write it onto a board's flash, to where settings say."""
        with Flash(image) as flash:
            flash.write(self.settings["cert"], self.cert.read_bytes())
            flash.write(self.settings["key"], self.key.read_bytes())


@contextlib.contextmanager
def made():
    """A Certificate, as long as the `with` block lasts; None, said plainly, where Outpost has no
    use for one."""
    if not (bundle.tree_root() / SERVER_SIDE).is_file():
        print(f"FTPS is not measured: there is no {SERVER_SIDE}", file=sys.stderr)
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        yield Certificate(Path(folder))
