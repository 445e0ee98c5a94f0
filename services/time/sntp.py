"""One SNTP query that never blocks and believes only a sound answer (RFC 4330, RFC 5905)."""

import os
from errno import ETIMEDOUT
from struct import unpack_from
from time import ticks_diff, ticks_ms

from micropython import const

from hal.net import readable, udp, within

_PORT = const(123)
_PACKET = const(48)
_CLIENT_V4 = const(0x23)
_SERVER = const(4)
_NOT_SYNCHRONISED = const(3)  # the leap indicator's alarm
_STRATUM_MAX = const(15)
_NTP_TO_UNIX = const(2208988800)  # seconds from 1900 to 1970
_ERA = 1 << 32  # seconds; era 1 begins on 2036-02-07


class KissOfDeath(ValueError):
    """The server asks to be left alone; the text holds its code, such as RATE or DENY."""


class Answer:
    """The server's time: unix_ms at ticks, from a round trip of rtt_ms."""

    def __init__(self, unix_ms, ticks, rtt_ms):
        self.unix_ms = unix_ms
        self.ticks = ticks
        self.rtt_ms = rtt_ms

    def now(self):
        """The server's time now: milliseconds since 1970."""
        return self.unix_ms + ticks_diff(ticks_ms(), self.ticks)


async def query(address, timeout_ms):
    """Ask the server at a numeric address once.

    OSError where it is silent or out of reach, ValueError where its answer cannot be
    believed, KissOfDeath where it refuses.
    """
    # The cookie stands where our clock's time would: the answer repeats it, so that nobody
    # who can't see the question can forge an answer, and our clock's state stays our own.
    cookie = os.urandom(8)
    packet = bytearray(_PACKET)
    packet[0] = _CLIENT_V4
    packet[40:48] = cookie
    # Connected, so that only this server is heard, and "port unreachable" too.
    server = udp(address, _PORT)
    try:
        sent = ticks_ms()
        server.send(packet)
        await within(timeout_ms, readable(server))
        reply = server.recv(_PACKET)
        received = ticks_ms()
    except OSError as error:
        if error.errno == ETIMEDOUT:
            raise OSError("no answer within %d ms" % timeout_ms)
        raise
    finally:
        server.close()
    _believe(reply, cookie)
    rtt_ms = ticks_diff(received, sent)
    at_server = _unix_ms(reply, 32)
    left_server = _unix_ms(reply, 40)
    on_the_way = max(0, rtt_ms - (left_server - at_server))
    return Answer(left_server + on_the_way // 2, received, rtt_ms)


def _believe(reply, cookie):
    """ValueError unless reply is a synchronised server's answer to the query with cookie."""
    if len(reply) < _PACKET or reply[0] & 7 != _SERVER or reply[24:32] != cookie:
        raise ValueError("not an answer to our query")
    stratum = reply[1]
    if stratum == 0:
        code = "".join(chr(byte) if 32 < byte < 127 else "?" for byte in reply[12:16])
        raise KissOfDeath("kiss of death, " + code)
    if stratum > _STRATUM_MAX or reply[0] >> 6 == _NOT_SYNCHRONISED:
        raise ValueError("the server's own clock is not synchronised")
    if not any(reply[40:48]):
        raise ValueError("the answer holds no time")


def _unix_ms(reply, at):
    """The timestamp at `at` in milliseconds since 1970."""
    seconds, fraction = unpack_from("!II", reply, at)
    if seconds < _ERA >> 1:
        seconds += _ERA
    return (seconds - _NTP_TO_UNIX) * 1000 + (fraction * 1000 >> 32)
