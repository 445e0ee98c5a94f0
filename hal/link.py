"""The network link of ESP32 and RP2: Wi-Fi, or Ethernet as network.lan says."""

import sys

from micropython import const

# Values of code(), numbered as cyw43 does; hal/trouble.py has those below 0 and above 99.
_IDLE = const(0)
_JOINING = const(1)
_WAITS_FOR_DHCP = const(2)
_NO_CABLE = const(90)
_ESP32_STATUS = const(1000)  # from here on, status() gives no reason; 1001 means connecting
_ESP32_ETH_CONNECTED = const(3)
_WIZNET_ACTIVE = const(2)
_ATTEMPTS = const(5)

# The Ethernet interface, which boot.py opens and services/network reuses. A second WIZNET5K()
# would take the link down, and the next active(True) would reset the chip [S:
# extmod/network_wiznet5k.c wiznet5k_make_new, wiznet5k_active].
_ethernet = None
# The error of each failed attempt to open it. Attempts are limited because an ESP32's LAN() loses
# its memory when it fails [S: ports/esp32/network_lan.c get_lan].
_failures = []


class Link:
    """The board's network link: Ethernet if `lan` is given, else Wi-Fi with `ssid`.

    Without either: the Ethernet that the firmware has pins for, else Wi-Fi, which is then only
    watched, not connected. hostname: the name to request, converted to a valid one. country: two
    letters, for the radio's channels. lan, networks, static: see docs/configuration.md. Only
    start() and stop() act; neither waits for the network.
    """

    _networks = None  # a list of ssid and password, the preferred network first, or None
    _tried = -1  # index of the one tried last

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
        """Find the interface. Called late, because the driver allocates its memory here."""
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
        """Begin to connect, unless connected or connecting. Raises OSError if that is impossible.

        A soft reset leaves Wi-Fi and an ESP32's Ethernet connected; such a link is left up.
        """
        if self._interface is None:
            self._open()
        link = self._interface
        if not self._wifi:
            link.active(True)  # no effect if it is active
            self._address_itself()
            return
        connected = link.isconnected()
        if connected:
            self._address_itself()  # before a soft reset it may have been another
        if connected or not self.ssid:
            return
        if not link.active():
            link.active(True)
        elif self.code() in (_JOINING, _WAITS_FOR_DHCP):
            return
        else:
            # An ESP32 refuses connect() while it is still connecting.
            link.disconnect()
        # Power saving makes a server hard to reach: replies wait for the next beacon. An ESP32
        # that retries by itself hides most reasons: status() then reports a failed handshake, such
        # as with a wrong password, as "connecting" [S: ports/esp32/network_wlan.c
        # network_wlan_status]. So switch both off; services/network retries.
        for option, value in (("pm", getattr(link, "PM_NONE", None)), ("reconnects", 0)):
            try:
                link.config(**{option: value})
            except (OSError, TypeError, ValueError):
                pass  # not supported by this chip
        if self._networks:
            self._tried = (self._tried + 1) % len(self._networks)
            self.ssid = self._networks[self._tried]["ssid"]
            self._password = self._networks[self._tried].get("password", "")
        self._address_itself()
        link.connect(self.ssid, self._password)

    def _address_itself(self):
        """Use the address of `static` in place of DHCP, which active(True) has started.

        [S: extmod/network_lwip.c mod_network_nic_ifconfig, ports/esp32/network_common.c
        esp_ifconfig: both stop DHCP and need all four values]
        """
        static = self._static
        if static:
            gateway = static.get("gateway", "0.0.0.0")
            mask = static.get("netmask", "255.255.255.0")
            dns = static.get("dns", gateway)
            self._interface.ifconfig((static["address"], mask, gateway, dns))

    def stop(self):
        """Take the interface down, so that the next start() begins from scratch."""
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
            self._tried = -1  # after this link is lost, try the preferred network first
        return self._interface.ifconfig()[0] if self.up() else None

    def code(self):
        """Return the state of a link that isn't up, see hal/trouble.py; None before start()."""
        if self._interface is None:
            return None
        code = self._interface.status()
        esp32 = sys.platform == "esp32"
        if not self._wifi:
            joined = code == (_ESP32_ETH_CONNECTED if esp32 else _WIZNET_ACTIVE)
            return _WAITS_FOR_DHCP if joined else _NO_CABLE
        if not esp32:
            return code
        # An ESP32 keeps the reason of a failed attempt until it has an address. rssi() works only
        # once it has joined, so it shows which of both holds [S: ports/esp32/network_wlan.c
        # network_wlan_status].
        if self.rssi() is not None:
            return _WAITS_FOR_DHCP
        if code >= _ESP32_STATUS:
            return _JOINING if code == _ESP32_STATUS + 1 else _IDLE
        return code if code >= 200 else 100 + code

    def rssi(self):
        """Return the strength of the Wi-Fi signal in dBm, or None."""
        if not self._wifi:
            return None
        try:
            return self._interface.status("rssi")
        except Exception:  # OSError or ValueError, depending on the port
            return None
