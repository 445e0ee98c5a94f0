"""What ESP32 and RP2 boards do: the watchdog, resets, sockets. link.py is their network."""

import sys

import machine

from hal.link import Link  # noqa: F401 - part of the port, as Link of unix.py

# The ids to try for hal.timer(), best first [S: rp2 and esp32/machine_timer.c]. -1 is the software
# timer of RP2, and of ESP32 from 1.29 on. From 1.25 to 1.28 an ESP32 refuses -1 and has hardware
# timers: 0 to 3, 0 and 1, or only 0, depending on the chip. If there is another, 0 is left to
# journal.py, to UART's IRQ_RXIDLE and to the application. 1.24 refuses no id but masks it: 2
# exists on all its chips; on an ESP32-C3 it is timer 0.
TIMERS = (-1, 2, 1, 0)
if sys.platform == "esp32" and sys.implementation.version < (1, 25):
    TIMERS = (2,)

if sys.platform == "rp2":
    # lwIP has five TCP connections (MEMP_NUM_TCP_PCB); MQTT needs one.
    SOCKETS = 4
    # Listeners have their own pool (MEMP_NUM_TCP_PCB_LISTEN, 8) and take no connection.
    LISTENERS = 6
    # As many as there are connections. A client beyond BACKLOG is reset. A client without a free
    # connection only has its SYN ignored, and sends it again (_lwip_tcp_accept, tcp_listen_input).
    BACKLOG = 5

    def guarded():
        """Return the module that does all writes; it is imported for the first client."""
        from hal import lwip

        return lwip

else:
    # An ESP32 has ten sockets of all kinds (CONFIG_LWIP_MAX_SOCKETS), six if RAM is short
    # (boards/sdkconfig.free_ram). One listens for clients and one for data connections. MQTT, DNS,
    # NTP and syslog have one each, or one for two.
    SOCKETS = 2 if "ESP32C2" in sys.implementation._machine else 4
    LISTENERS = 1
    BACKLOG = 4  # each waiting client takes one of lwIP's connections
    guarded = None  # a write never blocks, and poll tells when there is room


reserve = None  # unregister() needs no memory


def unregister(poller, sock):
    """Remove the entry that poller.register() left when it had no memory."""
    poller.unregister(sock)


if sys.platform == "rp2":
    from hal.rp2 import MARK, deepsleep, memory
else:
    MARK = b"\0outpost "
    memory = None  # use RTC().memory(), see hal.memory()
    deepsleep = machine.deepsleep

reset = machine.reset


def watchdog(timeout_ms):
    """Start the watchdog and return it."""
    return machine.WDT(timeout=timeout_ms)


def inline_urgent(sock):
    """Nothing to do: lwIP leaves urgent data in the stream."""


def peer_address(raw):
    """Return (host, port) from accept()'s address, IPv6 in lower case, mapped IPv4 as IPv4.

    lwIP writes IPv6 in capitals [S]; RFC 5952 and clients use lower case.
    """
    host = raw[0].lower()
    return (host[7:] if host.startswith("::ffff:") and "." in host else host), raw[1]
