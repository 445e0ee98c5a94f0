"""Makes the certificate and key of a board's FTPS: self-signed, P-256, as DER."""

import datetime
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from outpost.bundle import DeviceFile

CERT, KEY = "/tls/cert.der", "/tls/key.der"  # the default paths of the device code
# Long, because renewing it means a visit to each board. Clients trust it because they have a copy.
YEARS = 20
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"


@dataclass(frozen=True)
class Pair:
    """A certificate with its key. pem: the certificate as PEM text, for clients."""

    cert: bytes
    key: bytes

    @property
    def files(self) -> list[DeviceFile]:
        """Both as DeviceFiles, under the paths where the board looks for them."""
        return [DeviceFile(CERT, self.cert), DeviceFile(KEY, self.key)]

    @property
    def pem(self) -> str:
        return pem_of(self.cert)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.cert)


def make(names: Sequence[str], now: datetime.datetime | None = None) -> Pair:
    """Return a new Pair for the names and addresses that clients use for the board.

    now: datetime in UTC. Raises ValueError for an invalid name or address, or if there is none.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    if not names:
        raise ValueError("a certificate needs a name or an address")
    alternatives = [_name(name) for name in names]
    key = ec.generate_private_key(ec.SECP256R1())
    identity = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    public = key.public_key()
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(identity)
        .issuer_name(identity)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # Allows for a client's clock that is slow by up to a day.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365.25 * YEARS))
        .add_extension(x509.SubjectAlternativeName(alternatives), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        cert=certificate.public_bytes(serialization.Encoding.DER),
        key=key.private_bytes(
            serialization.Encoding.DER,
            # SEC 1 is the shorter form; mbedtls reads both.
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )


def pem_of(der: bytes) -> str:
    """Return a certificate's DER as PEM text. Raises ValueError if it is not a certificate."""
    certificate = x509.load_der_x509_certificate(der)
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 of a certificate as clients show it: AB:CD:..."""
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex(":").upper()


def _name(text: str) -> x509.GeneralName:
    """Return a name or an address in the certificate's type."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text, re.IGNORECASE):
        raise ValueError(f"{text!r} is neither a host name nor an address")
    return x509.DNSName(text)
