"""What only the unix port does: a reset ends the process, and the link is the host's network.

A simulated board provides a fuller `machine`. What it lacks is replaced by the plain unix port's
behaviour.
"""

import gc
import select
import socket
import sys

import machine
from micropython import const

SOCKETS = None  # as many as the host allows
LISTENERS = None
# Beyond the backlog, Linux lets a client believe that it is connected, and then forgets it: the
# client gets no reply. Waiting clients cost a host almost nothing.
BACKLOG = 128
guarded = None  # a write never blocks, and poll tells when there is room
TIMERS = (-1, 0)  # ids that a simulated board has
MARK = b"\0outpost "
memory = None  # use RTC().memory(), see hal.memory()
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
    """Start the watchdog and return it; None if there is none."""
    return machine.WDT(timeout=timeout_ms) if hasattr(machine, "WDT") else None


_spare = None


def reserve():
    """Reserve the memory that unregister() needs. Raises MemoryError."""
    global _spare
    if not _spare:
        _spare = bytearray(_SPARE)


def unregister(poller, sock):
    """Remove the entry that poller.register() left when it had no memory.

    On this port unregister() reads the entry, so complete it first (extmod/modselect.c,
    poll_unregister, with MICROPY_PY_SELECT_POSIX_OPTIMISATIONS).
    """
    global _spare
    _spare = None
    gc.collect()
    poller.register(sock, select.POLLIN)
    poller.unregister(sock)


def peer_address(raw):
    """Return (host, port) from accept()'s address, on this port the bytes of a sockaddr.

    A client that came over IPv4 has its IPv4 address, even if the listener is IPv6.
    """
    port = raw[2] << 8 | raw[3]
    if raw[0] | raw[1] << 8 == _AF_INET:
        return socket.inet_ntop(_AF_INET, raw[4:8]), port
    # A sockaddr_in6 has four bytes of flow information before its address.
    if raw[8:20] == _MAPPED:
        return socket.inet_ntop(_AF_INET, raw[20:24]), port
    host = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    scope = int.from_bytes(raw[24:28], sys.byteorder)  # the interface of a link-local address
    return ("%s%%%d" % (host, scope) if scope else host), port


def inline_urgent(sock):
    """Leave urgent data in the stream: ftplib and tnftp send part of ABOR as urgent."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_OOBINLINE, 1)


_console = select.poll()
_console.register(sys.stdout, select.POLLOUT)


def console_has_room():
    """Whether 4,096 bytes can be written at once: poll waits for Linux's PIPE_BUF."""
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
        """Return the state of a link that isn't up; None, since this one always is."""
        return None

    def rssi(self):
        """Return the strength of the radio signal in dBm; None, since there is no radio."""
        return None
