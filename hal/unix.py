"""What only the unix port does: resets end the process, and the host's network is the link.

A simulated board brings a fuller `machine`; whatever it lacks, the plain unix port's answer
stands in.
"""

import gc
import select
import socket
import sys

import machine
from micropython import const

SOCKETS = None  # as many as the host allows
LISTENERS = None
# Beyond it Linux lets a client believe that it is connected, and forgets it: such a client hears
# nothing. Those who wait cost a host next to nothing.
BACKLOG = 128
guarded = None  # a write never blocks, and poll tells when there is room for it
TIMERS = (-1, 0)  # those of a simulated board
MARK = b"\0outpost "
memory = None  # hal's own
_SPARE = const(512)
_AF_INET = const(2)
# An IPv4 address within IPv6 (RFC 4291 section 2.5.5.2).
_MAPPED = const(b"\0\0\0\0\0\0\0\0\0\0\xff\xff")
_SO_OOBINLINE = const(10)  # Linux


def reset():
    """Reset the simulated board; on the plain unix port, end the process."""
    if hasattr(machine, "reset"):
        machine.reset()
    sys.exit()


def deepsleep():
    """Halt the simulated board; on the plain unix port, end the process."""
    if hasattr(machine, "deepsleep"):
        machine.deepsleep()
    sys.exit()


def watchdog(timeout_ms):
    """Start the watchdog and return it; None where there is none."""
    return machine.WDT(timeout=timeout_ms) if hasattr(machine, "WDT") else None


_spare = None


def reserve():
    """Have the memory ready that unregister() wants; MemoryError."""
    global _spare
    if not _spare:
        _spare = bytearray(_SPARE)


def unregister(poller, sock):
    """Take out what poller.register() has left behind for want of memory.

    Here unregister() reads the entry, which must be whole first (extmod/modselect.c,
    poll_unregister, where MICROPY_PY_SELECT_POSIX_OPTIMISATIONS is set).
    """
    global _spare
    _spare = None
    gc.collect()
    poller.register(sock, select.POLLIN)
    poller.unregister(sock)


def peer_address(raw):
    """Return (host, port) from accept()'s address: here the raw bytes of a sockaddr.

    A client that came over IPv4 has its IPv4 address, whatever the listener was.
    """
    port = raw[2] << 8 | raw[3]
    if raw[0] | raw[1] << 8 == _AF_INET:
        return socket.inet_ntop(_AF_INET, raw[4:8]), port
    # A sockaddr_in6 has four bytes of flow information before its address.
    if raw[8:20] == _MAPPED:
        return socket.inet_ntop(_AF_INET, raw[20:24]), port
    host = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    scope = int.from_bytes(raw[24:28], sys.byteorder)  # which link a link-local address is on
    return ("%s%%%d" % (host, scope) if scope else host), port


def inline_urgent(sock):
    """Leave urgent data in the stream: ftplib and tnftp send a part of ABOR so."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_OOBINLINE, 1)


_console = select.poll()
_console.register(sys.stdout, select.POLLOUT)


def console_has_room():
    """Whether 4,096 bytes find room at once: PIPE_BUF of Linux, which poll waits for."""
    for _ in _console.ipoll(0):
        return True
    return False


class Link:
    """The host's loopback: always up, so that a simulated board needs no network of its own."""

    ssid = ""

    def __init__(self, *_):
        pass

    def start(self):
        """Nothing to bring up."""

    def stop(self):
        """Nothing to take down."""

    def up(self):
        """Whether there is an address."""
        return True

    def address(self):
        """This board's address as text."""
        return "127.0.0.1"

    def code(self):
        """How a link that isn't up fares; None: this one is."""
        return None

    def rssi(self):
        """Strength of the radio signal in dBm; None: there is no radio."""
        return None
