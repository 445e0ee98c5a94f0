"""The board's way to the network on ESP32 and RP2: Wi-Fi, or Ethernet as network.lan says."""

import sys

from micropython import const

# What code() says of a link, as cyw43 numbers it; below 0 and above 99: see hal/trouble.py.
_IDLE = const(0)
_JOINING = const(1)
_WAITS_FOR_DHCP = const(2)
_NO_CABLE = const(90)
_ESP32_STATUS = const(1000)  # from here on its status() tells no reason: 1001 is connecting
_ESP32_ETH_CONNECTED = const(3)
_WIZNET_ACTIVE = const(2)
_ATTEMPTS = const(5)

# The Ethernet interface, which boot.py opens and services/network finds here: WIZNET5K() takes a
# link down that is up, and the next active(True) resets the chip [S: extmod/network_wiznet5k.c
# wiznet5k_make_new, wiznet5k_active].
_ethernet = None
# Why it could not be opened, for each attempt: an ESP32's LAN() that fails keeps the memory that
# it took [S: ports/esp32/network_lan.c get_lan].
_failures = []


class Link:
    """The board's way to the network: Ethernet where there is a `lan`, else Wi-Fi with `ssid`.

    Without either: the Ethernet that the firmware has pins for, else Wi-Fi, of which it only
    tells whether something else has connected it. hostname: what this board asks to be called,
    made fit for that. country: two letters, for the radio's channels. lan, networks, static: see
    docs/configuration.md. Only start() and stop() act; neither waits for the network.
    """

    _networks = None  # where there are several: ssid and password of each, the preferred first
    _tried = -1  # which of them

    def __init__(
        self, ssid="", password="", hostname="", country="", lan=None, networks=None, static=None
    ):
        if networks:
            one = {"ssid": ssid, "password": password}
            self._networks = [one] + networks if ssid else networks
            ssid = self._networks[0]["ssid"]
        self.ssid = ssid
        self._password = password
        self._opening = hostname, country, lan
        self._static = static
        self._wifi = False
        self._interface = None

    def _open(self):
        """Find the interface; late, since the driver takes its memory here."""
        global _ethernet
        if len(_failures) == _ATTEMPTS:
            raise OSError(_failures[-1])
        try:
            opening = __import__("hal.opening", None, None, ("open_link",))
            found = opening.open_link(self.ssid, *self._opening, _ethernet)
        except OSError as error:
            _failures.append(str(error))
            raise
        finally:
            if sys.modules.pop("hal.opening", None):
                del sys.modules["hal"].opening
        self._interface, self._wifi = found
        self._opening = None
        if not self._wifi:
            _ethernet = found[0]
            self.ssid = ""

    def start(self):
        """Begin to connect, unless connected or on the way; OSError where that can't be.

        A soft reset leaves Wi-Fi and an ESP32's Ethernet as they were: a link that is up stays
        up.
        """
        if self._interface is None:
            self._open()
        link = self._interface
        if not self._wifi:
            link.active(True)  # does nothing where it is
            self._address_itself()
            return
        connected = link.isconnected()
        if connected:
            self._address_itself()  # a soft reset may have left another
        if connected or not self.ssid:
            return
        if not link.active():
            link.active(True)
        elif self.code() in (_JOINING, _WAITS_FOR_DHCP):
            return
        else:
            # An ESP32 refuses connect() while it is still at it.
            link.disconnect()
        # Power saving makes a server hard to reach: replies wait for the next beacon. An ESP32
        # that retries by itself tells no reason but a few: "connecting" stands for a handshake
        # that fails, as it does with a wrong password [S: ports/esp32/network_wlan.c
        # network_wlan_status]. services/network tries again.
        for option, value in (("pm", getattr(link, "PM_NONE", None)), ("reconnects", 0)):
            try:
                link.config(**{option: value})
            except (OSError, TypeError, ValueError):
                pass  # not on this chip
        if self._networks:
            self._tried = (self._tried + 1) % len(self._networks)
            self.ssid = self._networks[self._tried]["ssid"]
            self._password = self._networks[self._tried].get("password", "")
        self._address_itself()
        link.connect(self.ssid, self._password)

    def _address_itself(self):
        """Take the address of `static`, in place of DHCP's, which active(True) has begun.

        [S: extmod/network_lwip.c mod_network_nic_ifconfig, ports/esp32/network_common.c
        esp_ifconfig: both stop DHCP, and want all four]
        """
        static = self._static
        if static:
            gateway = static.get("gateway", "0.0.0.0")
            mask = static.get("netmask", "255.255.255.0")
            dns = static.get("dns", gateway)
            self._interface.ifconfig((static["address"], mask, gateway, dns))

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
        if self._networks:
            self._tried = -1  # once it is lost, the preferred network comes first
        return self._interface.ifconfig()[0] if self.up() else None

    def code(self):
        """How a link that isn't up fares, as hal/trouble.py numbers it; None before start()."""
        if self._interface is None:
            return None
        code = self._interface.status()
        esp32 = sys.platform == "esp32"
        if not self._wifi:
            joined = code == (_ESP32_ETH_CONNECTED if esp32 else _WIZNET_ACTIVE)
            return _WAITS_FOR_DHCP if joined else _NO_CABLE
        if not esp32:
            return code
        # It forgets the reason of an attempt only with the address, and tells a signal only once
        # it has joined [S: ports/esp32/network_wlan.c network_wlan_status].
        if self.rssi() is not None:
            return _WAITS_FOR_DHCP
        if code >= _ESP32_STATUS:
            return _JOINING if code == _ESP32_STATUS + 1 else _IDLE
        return code if code >= 200 else 100 + code

    def rssi(self):
        """Strength of the Wi-Fi signal in dBm, or None."""
        if not self._wifi:
            return None
        try:
            return self._interface.status("rssi")
        except Exception:  # OSError or ValueError: the ports differ in what they say
            return None
