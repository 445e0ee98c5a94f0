"""What ESP32 and RP2 boards do: a real watchdog, Wi-Fi or Ethernet, resets with a cause."""

import sys

import machine
from micropython import const

_WATCHDOG_MAX_MS = const(8388)  # RP2040's 24-bit counter at 2 MHz; other chips allow more
_HOSTNAME_MAX = const(32)  # network.hostname() raises ValueError on a longer one
_CYW43_WAITS_FOR_DHCP = const(2)  # joined, no address yet; STAT_CONNECTING means not joined
_SCRATCH4 = const(0x1C)
_WATCHDOG_ENABLED = const(0x6AB73121)


def _reset_was_planned():
    """Tell a reset asked for from a real watchdog reset on RP2, where both are one cause.

    machine.reset() works through the watchdog there. The Pico SDK leaves a mark in its scratch
    register 4 while a watchdog runs and takes it away for a reset asked for. [S: pico-sdk
    hardware_watchdog; the register survives both.]
    """
    if sys.platform != "rp2":
        return False
    base = 0x400D8000 if "RP2350" in sys.implementation._machine else 0x40058000
    return machine.mem32[base + _SCRATCH4] & 0xFFFFFFFF != _WATCHDOG_ENABLED


# Read at import: starting our own watchdog leaves the mark too.
_planned = _reset_was_planned()

# How many TCP sockets FTP may take, its listener too: an RP2's lwIP has 5, an ESP32's 12 [S],
# of which telemetry and name lookups want one each.
SOCKETS = 5 if sys.platform == "rp2" else 10

# How many clients may wait to be accepted: each takes one of lwIP's connections too. Of a
# further one lwIP ignores the SYN, and the client sends it again [S: TCP_LISTEN_BACKLOG].
BACKLOG = 1 if sys.platform == "rp2" else 4

reset = machine.reset
deepsleep = machine.deepsleep


def planned_reset():
    """Whether a cause called watchdog was in truth a reset asked for."""
    return _planned


def watchdog(timeout_ms):
    """Start the watchdog, at most 8,388 ms, and return it; nothing can stop it again."""
    return machine.WDT(timeout=min(timeout_ms, _WATCHDOG_MAX_MS))


def inline_urgent(sock):
    """Nothing to do: lwIP has no urgent data, it all stays in the stream."""


def peer_address(raw):
    """Return (host, port) from accept()'s address: IPv4 as such, IPv6 in small letters.

    lwIP writes IPv6 in capitals [S]; RFC 5952 and clients write it small.
    """
    host = raw[0].lower()
    return (host[7:] if host.startswith("::ffff:") and "." in host else host), raw[1]


class Link:
    """The board's way to the network: Wi-Fi where there is an ssid, else Ethernet.

    Without either it still tells whether something else has connected Wi-Fi. Only start()
    and stop() act, neither waits for the network.
    """

    def __init__(self, ssid="", password="", hostname=""):
        self._ssid = ssid
        self._password = password
        self._hostname = hostname
        self._wifi = False
        self._interface = None

    def _open(self):
        """Find the interface; late, since the driver takes its memory here."""
        try:
            import network
        except ImportError:
            raise OSError("this board's firmware has no network")
        if self._hostname:
            network.hostname(self._hostname[:_HOSTNAME_MAX])
        if not self._ssid:
            for name in ("LAN", "WIZNET5K"):
                if hasattr(network, name):
                    try:
                        self._interface = getattr(network, name)()
                        return network
                    except Exception as error:
                        # Firmware may know Ethernet where the board has no such chip.
                        print("hal: no %s: %s" % (name, error))
        if not hasattr(network, "WLAN"):
            raise OSError("this board has neither Wi-Fi nor Ethernet that it can start")
        self._interface = network.WLAN()
        self._wifi = True
        return network

    def start(self):
        """Begin to connect, unless connected or on the way; OSError where that can't be.

        A soft reset leaves the interface as it was: a link that is up stays up.
        """
        network = self._open()
        link = self._interface
        if not self._wifi:
            link.active(True)
            return
        if not self._ssid or link.isconnected():
            return
        if not link.active():
            link.active(True)
        elif link.status() in (network.STAT_CONNECTING, _CYW43_WAITS_FOR_DHCP):
            return
        else:
            # An ESP32 refuses connect() while it retries by itself.
            link.disconnect()
        try:
            # Power saving makes a server hard to reach: replies wait for the next beacon.
            link.config(pm=link.PM_NONE)
        except (AttributeError, OSError, ValueError):
            pass  # not on this chip
        link.connect(self._ssid, self._password)

    def stop(self):
        """Take the interface down, so that the next start() begins afresh."""
        link = self._interface
        if link is None:
            return
        try:
            if self._wifi:
                link.disconnect()
        except OSError:
            pass  # it was not connected
        link.active(False)

    def up(self):
        """Whether the board has an address."""
        return self._interface is not None and self._interface.isconnected()

    def address(self):
        """This board's address as text, or None."""
        return self._interface.ifconfig()[0] if self.up() else None

    def rssi(self):
        """Strength of the Wi-Fi signal in dBm, or None."""
        if not self._wifi:
            return None
        try:
            return self._interface.status("rssi")
        except Exception:  # OSError or ValueError: the ports differ in what they say
            return None
