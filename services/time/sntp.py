"""One SNTP query, which never blocks, and accepts only a valid reply (RFC 4330, RFC 5905)."""

import os
from errno import ETIMEDOUT
from struct import unpack_from
from time import ticks_diff, ticks_ms

import ntptime
from micropython import const

from hal import EPOCH
from hal.net import readable, udp, within

_PORT = const(123)
_PACKET = const(48)
_CLIENT_V4 = const(0x23)
_SERVER = const(4)
_NOT_SYNCHRONISED = const(3)  # the leap indicator's alarm
_STRATUM_MAX = const(15)
# RFC 5905 section 7.4: the kiss codes that a client must obey. Other codes, such as INIT and STEP,
# mean that the server has just started and has no time yet.
_KISSES = ("DENY", "RSTR", "RATE")


class KissOfDeath(ValueError):
    """The server asks not to be queried. code: DENY, RSTR or RATE."""

    def __init__(self, code):
        super().__init__("kiss of death, " + code)
        self.code = code


class Answer:
    """A server's time: unix_ms at ticks, after a round trip of rtt_ms. server: as configured."""

    def __init__(self, server, unix_ms, ticks, rtt_ms):
        self.server = server
        self.unix_ms = unix_ms
        self.ticks = ticks
        self.rtt_ms = rtt_ms

    def now(self):
        """Return the server's time now: milliseconds since 1970."""
        return self.unix_ms + ticks_diff(ticks_ms(), self.ticks)


class _Received:
    """Stands in for module socket and for a socket in ntptime, and returns the received reply.

    Otherwise ntptime would send a second query right after ours, and block. Servers that limit
    their clients answer the second with RATE, or not at all.
    """

    AF_INET = SOCK_DGRAM = 0

    def __init__(self, reply):
        self._reply = reply

    def getaddrinfo(self, host, port):
        """Does nothing: no name is looked up."""
        return ((None,),)

    def socket(self, family, kind):
        """Return the socket that ntptime uses from here on: this object."""
        return self

    def settimeout(self, seconds):
        """Does nothing: the reply is already there."""

    def sendto(self, query, address):
        """Does nothing: the query was already sent."""

    def recv(self, size):
        """Return the reply."""
        return self._reply

    def close(self):
        """Does nothing: no socket is open."""


async def query(server, address, timeout_ms):
    """Query a server at its numeric address once; return its Answer.

    Raises OSError if it doesn't reply or can't be reached, ValueError if its reply is invalid,
    KissOfDeath if it refuses.
    """
    # A random cookie in place of our time. The reply repeats it, so an attacker who can't see the
    # query can't forge a reply. It also hides the state of our clock.
    cookie = os.urandom(8)
    packet = bytearray(_PACKET)
    packet[0] = _CLIENT_V4
    packet[40:48] = cookie
    # Connected, so that only replies of this server and its "port unreachable" arrive.
    asked = udp(address, _PORT)
    try:
        sent = ticks_ms()
        asked.send(packet)
        await within(timeout_ms, readable(asked))
        reply = asked.recv(_PACKET)
        received = ticks_ms()
    except OSError as error:
        if error.errno == ETIMEDOUT:
            raise OSError("no answer from %s within %d ms" % (address, timeout_ms))
        raise
    finally:
        asked.close()
    _believe(reply, cookie)
    rtt_ms = ticks_diff(received, sent)
    came_s, came_f, left_s, left_f = unpack_from("!IIII", reply, 32)
    at_server_ms = (left_s - came_s) * 1000 + ((left_f - came_f) * 1000 >> 32)
    on_the_way_ms = min(max(0, rtt_ms - at_server_ms), rtt_ms)
    return Answer(server, _unix_ms(reply) + on_the_way_ms // 2, received, rtt_ms)


def _unix_ms(reply):
    """Return a reply's time in ms since 1970: ntptime's seconds and the fraction it drops."""
    real = ntptime.socket
    ntptime.socket = _Received(reply)
    try:
        unix_s = ntptime.time() + EPOCH
    finally:
        ntptime.socket = real  # because an application may use ntptime too
    return unix_s * 1000 + (unpack_from("!I", reply, 44)[0] * 1000 >> 32)


def _believe(reply, cookie):
    """Raise ValueError unless reply is a synchronised server's answer to the query with cookie."""
    if len(reply) < _PACKET or reply[0] & 7 != _SERVER or reply[24:32] != cookie:
        raise ValueError("not an answer to our query")
    stratum = reply[1]
    if stratum == 0:
        code = "".join(chr(byte) if 32 < byte < 127 else "?" for byte in reply[12:16])
        if code in _KISSES:
            raise KissOfDeath(code)
        raise ValueError("not synchronised yet (%s)" % code)
    if stratum > _STRATUM_MAX or reply[0] >> 6 == _NOT_SYNCHRONISED:
        raise ValueError("the server's own clock is not synchronised")
    if not any(reply[40:48]):
        raise ValueError("the answer holds no time")
