"""What ESP32 and RP2 boards do: a real watchdog, resets with a cause; link.py: the network."""

import sys

import machine

from hal.link import Link  # noqa: F401 - a part of the port, as unix.py has its own

# The ids to try for hal.timer(), best first [S: rp2 and esp32/machine_timer.c]. -1 is the
# software timer of RP2, and of ESP32 from 1.29 on. From 1.25 to 1.28 an ESP32 refuses it and has
# hardware timers: 0 to 3, 0 and 1, or 0 alone, as the chip has them. 0 is left to journal.py, to
# UART's IRQ_RXIDLE and to the application, where there is another. 1.24 refuses nothing and masks:
# 2 is a timer that each of its chips has, on an ESP32-C3 the same as 0.
TIMERS = (-1, 2, 1, 0)
if sys.platform == "esp32" and sys.implementation.version < (1, 25):
    TIMERS = (2,)

if sys.platform == "rp2":
    # lwIP has five TCP connections (MEMP_NUM_TCP_PCB), of which MQTT wants one.
    SOCKETS = 4
    # Listeners have a pool of their own (MEMP_NUM_TCP_PCB_LISTEN, 8) and cost none of them.
    LISTENERS = 6
    # As many as there are connections: one more would be reset, while the SYN of a client for
    # whom there is no connection is ignored, and sent again (_lwip_tcp_accept, tcp_listen_input).
    BACKLOG = 5

    def guarded():
        """The module through which everything is written; imported when there is a client."""
        from hal import lwip

        return lwip

else:
    # An ESP32 has ten sockets of every kind (CONFIG_LWIP_MAX_SOCKETS), six where RAM is short
    # (boards/sdkconfig.free_ram): one listens for clients, one for data connections; MQTT, DNS,
    # NTP and syslog have theirs, or two together.
    SOCKETS = 2 if "ESP32C2" in sys.implementation._machine else 4
    LISTENERS = 1
    BACKLOG = 4  # each who waits to be accepted takes one of lwIP's connections
    guarded = None  # a write never blocks, and poll tells when there is room for it


reserve = None  # unregister() wants no memory


def unregister(poller, sock):
    """Take out what poller.register() has left behind for want of memory."""
    poller.unregister(sock)


if sys.platform == "rp2":
    from hal.rp2 import MARK, deepsleep, memory
else:
    MARK = b"\0outpost "
    memory = None  # hal's own
    deepsleep = machine.deepsleep

reset = machine.reset


def watchdog(timeout_ms):
    """Start the watchdog and return it."""
    return machine.WDT(timeout=timeout_ms)


def inline_urgent(sock):
    """Nothing to do: lwIP has no urgent data, it all stays in the stream."""


def peer_address(raw):
    """Return (host, port) from accept()'s address: IPv4 as such, IPv6 in small letters.

    lwIP writes IPv6 in capitals [S]; RFC 5952 and clients write it small.
    """
    host = raw[0].lower()
    return (host[7:] if host.startswith("::ffff:") and "." in host else host), raw[1]
