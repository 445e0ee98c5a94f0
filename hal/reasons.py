"""What a network's OSError means, in words; borrowed when one is shown."""

import sys

from micropython import const

# Under TLS a socket's error is negative (extmod/modtls_mbedtls.c, _mbedtls_ssl_recv). So are the
# errors of getaddrinfo(): down to -16 on lwIP and Linux, from -200 on an ESP32. mbedtls has its
# own; one of those means that the connection ended during a handshake.
_FIRST_ERRNO = const(32)
_FIRST_OF_LWIP = const(200)
_LAST_ERRNO = const(255)
_TLS_EOF = const(-0x7280)

# The number on Linux and RP2, the number on an ESP32 (newlib), the name, the words. One text,
# because a dictionary with names would take far more heap.
_WORDS = const("""
9 9 EBADF the connection is closed
11 11 EAGAIN the network is busy
12 12 ENOMEM the network has no memory left
23 23 ENFILE no socket is left
24 24 EMFILE no socket is left
32 32 EPIPE the other side has closed the connection
98 112 EADDRINUSE that port is taken
100 115 ENETDOWN the network is down
101 114 ENETUNREACH there is no way to that network
103 113 ECONNABORTED the connection was aborted
104 104 ECONNRESET the other side has reset the connection
105 105 ENOBUFS the network has no buffer left
107 128 ENOTCONN the connection is lost
110 116 ETIMEDOUT no answer came in time
111 111 ECONNREFUSED nobody listens there
113 118 EHOSTUNREACH that host can't be reached
""")


def reason(error):
    """Return the text of an OSError of any port, with its name or number in brackets.

    An exception that was raised with a text keeps that text.
    """
    number = getattr(error, "errno", None)
    if not isinstance(number, int):
        return str(error) or type(error).__name__
    if number < -_LAST_ERRNO:
        if number == _TLS_EOF:
            return "the other side has closed the connection"
        return "TLS failed (mbedtls's error -0x%04x)" % -number
    if -_FIRST_OF_LWIP < number <= -_FIRST_ERRNO:
        number = -number
    rp2 = sys.platform == "rp2"
    if rp2 and number == -1:  # ERR_IF, extmod/modlwip.c, error_lookup_table
        return "the network interface has failed (error -1)"
    if number < 0:  # from getaddrinfo(); RP2 has lwIP's own (extmod/modlwip.c, lwip_getaddrinfo)
        words = "no name server is known" if rp2 and number == -6 else "that name has no address"
        return "%s (error %d)" % (words, number)
    for line in _WORDS.split("\n"):
        words = line.split(" ", 3)
        if len(words) > 3 and words[sys.platform == "esp32"] == str(number):
            return "%s (%s)" % (words[3], words[2])
    return "error %s" % error
