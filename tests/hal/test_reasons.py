"""hal/reasons.py: what an OSError of any port says, in words."""

import pytest

SCRIPT = """
import sys
import hal  # by the port that runs this
class Sys:
    platform = sys.argv[1]
given = sys.argv[2]
sys.modules["sys"] = Sys
from hal.reasons import reason
print(reason(eval(given)))
"""


@pytest.mark.parametrize(
    ("port", "error", "words"),
    [
        ("rp2", "OSError(104)", "the other side has reset the connection (ECONNRESET)"),
        ("esp32", "OSError(104)", "the other side has reset the connection (ECONNRESET)"),
        ("rp2", "OSError(110)", "no answer came in time (ETIMEDOUT)"),
        # newlib's numbers: an ESP32's 113 is Linux's 103.
        ("esp32", "OSError(116)", "no answer came in time (ETIMEDOUT)"),
        ("esp32", "OSError(113)", "the connection was aborted (ECONNABORTED)"),
        ("linux", "OSError(113)", "that host can't be reached (EHOSTUNREACH)"),
        ("esp32", "OSError(118)", "that host can't be reached (EHOSTUNREACH)"),
        ("esp32", "OSError(23)", "no socket is left (ENFILE)"),
        ("linux", "OSError(101)", "there is no way to that network (ENETUNREACH)"),
        # modlwip.c, lwip_getaddrinfo: "we raise with native lwIP negative error values".
        ("rp2", "OSError(-6)", "no name server is known (error -6)"),
        ("rp2", "OSError(-2)", "that name has no address (error -2)"),
        # modlwip.c, error_lookup_table: ERR_IF has no errno.
        ("rp2", "OSError(-1)", "the network interface has failed (error -1)"),
        ("esp32", "OSError(-202)", "that name has no address (error -202)"),
        # modtls_mbedtls.c, _mbedtls_ssl_recv: "return -err".
        ("linux", "OSError(-104)", "the other side has reset the connection (ECONNRESET)"),
        ("rp2", "OSError(-107)", "the connection is lost (ENOTCONN)"),
        ("esp32", "OSError(-128)", "the connection is lost (ENOTCONN)"),
        ("linux", "OSError(-32)", "the other side has closed the connection (EPIPE)"),
        ("rp2", "OSError(-29312)", "the other side has closed the connection"),
        ("esp32", "OSError(-30592, 'x')", "TLS failed (mbedtls's error -0x7780)"),
        ("rp2", "OSError('nothing answers there')", "nothing answers there"),
        ("rp2", "OSError()", "OSError"),
        ("rp2", "ValueError('no answer to our query')", "no answer to our query"),
        ("rp2", "MemoryError()", "MemoryError"),
        ("linux", "OSError(2)", "error [Errno 2] ENOENT"),
    ],
)
def test_errors_in_words(micropython, port, error, words):
    assert micropython(SCRIPT, port, error) == words + "\n"
