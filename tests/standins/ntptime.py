"""Stands in for micropython-lib's ntptime where that cannot be fetched: host, timeout, time()."""

import socket
import struct
import time as _clock

host = "pool.ntp.org"
timeout = 1  # seconds

_TO_1970 = 2208988800
_TO_2000 = 3155673600
_START_OF_2024 = 3913056000


def time():
    """Seconds since the port's epoch by the server `host`; blocks, believes any answer."""
    address = socket.getaddrinfo(host, 123)[0][-1]
    question = bytes([0x23]) + bytes(47)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        client.settimeout(timeout)
        client.sendto(question, address)
        answer = client.recv(48)
    finally:
        client.close()
    (seconds,) = struct.unpack("!I", answer[40:44])
    if seconds < _START_OF_2024:
        seconds += 1 << 32  # the era after February 2036
    return seconds - (_TO_2000 if _clock.gmtime(0)[0] == 2000 else _TO_1970)


def settime():
    """Set the real-time clock in UTC; the fraction is lost."""
    import machine

    now = _clock.gmtime(time())
    machine.RTC().datetime((now[0], now[1], now[2], now[6] + 1, now[3], now[4], now[5], 0))
