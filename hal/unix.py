"""What only the unix port does: resets end the process, and the host's network is the link.

A simulated board brings a fuller `machine`; whatever it lacks, the plain unix port's answer
stands in.
"""

import socket
import sys

import machine
from micropython import const

_AF_INET = const(2)
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


def planned_reset():
    """Whether a cause called watchdog was a reset asked for; the simulator tells them apart."""
    return False


def watchdog(timeout_ms):
    """Start the watchdog and return it; None where there is none."""
    return machine.WDT(timeout=timeout_ms) if hasattr(machine, "WDT") else None


def peer_address(raw):
    """Return (host, port) from accept()'s address: here the raw bytes of a sockaddr."""
    family = raw[0] | raw[1] << 8
    port = raw[2] << 8 | raw[3]
    # A sockaddr_in6 has four bytes of flow information before its address.
    address = raw[4:8] if family == _AF_INET else raw[8:24]
    return socket.inet_ntop(family, address), port


def inline_urgent(sock):
    """Leave urgent data in the stream: ftplib and tnftp send a part of ABOR so."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_OOBINLINE, 1)


class Link:
    """The host's loopback: always up, so that a simulated board needs no network of its own."""

    def __init__(self, ssid="", password="", hostname=""):
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

    def rssi(self):
        """Strength of the radio signal in dBm; None: there is no radio."""
        return None
