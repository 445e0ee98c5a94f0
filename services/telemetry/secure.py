"""TLS to the broker, whose certificate is checked before anything is sent. Only for mqtts://."""

import gc
import os
from binascii import a2b_base64
from errno import ENOMEM

import tls
from micropython import const

from hal import unix_time

_LONGEST_FILE = const(8192)
# Bytes that must stay free beside mbedtls's buffers, which are allocated by then: for the
# arithmetic of the handshake, if mbedtls takes it from this heap, and for FTP.
_SPARE = const(16384)
_CLOCK_SET = const(1735689600)  # 2025-01-01: a clock before that was never set
_NO_MEMORY = "not enough memory for TLS to the broker just now"


class Secure:
    """The broker's CA; wrap(sock) puts TLS over a connected socket.

    host: the name that the certificate must have. cafile: path of the CA's certificate, DER or
    PEM. Raises OSError with what to do if the file can't be used, or if the clock isn't set: then
    no certificate is valid.
    """

    def __init__(self, host, cafile):
        if unix_time() < _CLOCK_SET:
            raise OSError("waits for the clock: certificates have dates")
        self._host = host
        self._context = context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        try:
            if not 0 < os.stat(cafile)[6] <= _LONGEST_FILE:
                raise ValueError("empty or too long")
            with open(cafile, "rb") as file:
                context.load_verify_locations(_der(file.read()))
        except (OSError, ValueError) as error:
            text = "telemetry.cafile, %s: %s; it must be the certificate of the broker's CA"
            raise OSError(text % (cafile, error))

    def wrap(self, sock):
        """Return TLS over sock. The handshake begins with the first write."""
        gc.collect()  # the buffers need one large piece each
        try:
            stream = self._context.wrap_socket(
                sock, server_hostname=self._host, do_handshake_on_connect=False
            )
        except MemoryError:
            raise OSError(_NO_MEMORY)
        except OSError as error:
            # On some ports mbedtls has a heap of its own.
            raise OSError(_NO_MEMORY if error.errno == ENOMEM else str(error))
        if gc.mem_free() < _SPARE:
            stream.close()
            raise OSError(_NO_MEMORY)
        return stream


def _der(content):
    """Return the first certificate of a PEM file as DER, which all ports read; DER as it is."""
    begin = content.find(b"-----BEGIN CERTIFICATE-----")
    if begin < 0:
        return content
    return a2b_base64(content[begin + 27 : content.find(b"-----END", begin)])
