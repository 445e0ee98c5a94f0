"""A certificate for the servers under test, so that FTPS can be measured."""

import contextlib
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from outpost import certificate
from outpost.sim.flash import Flash


class Certificate:
    """A board's own kind: self-signed, on P-256.

    pem: a file of key and certificate; cert, key: DER files. settings: what config.json says of
    it in ftp.tls.
    """

    def __init__(self, folder):
        self._pair = certificate.make(["127.0.0.1"])
        self.settings = {"cert": certificate.CERT, "key": certificate.KEY}
        self.cert, self.key = folder / "cert.der", folder / "key.der"
        self.cert.write_bytes(self._pair.cert)
        self.key.write_bytes(self._pair.key)
        key = serialization.load_der_private_key(self._pair.key, None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.pem = folder / "both.pem"
        self.pem.write_text(key.decode() + self._pair.pem)

    def put_on(self, image):
        """Write it onto a board's flash, to where settings say."""
        with Flash(image) as flash:
            for file in self._pair.files:
                flash.write(file.path, file.content)


@contextlib.contextmanager
def made():
    """A Certificate, as long as the `with` block lasts."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        yield Certificate(Path(folder))
