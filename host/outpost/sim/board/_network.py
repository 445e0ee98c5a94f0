"""`network` of a board whose radio always finds its network: the host's loopback.

Names and numbers are those of extmod/network_cyw43.c and ports/esp32/network_wlan.c, v1.28.0.
"""

from _host import rules
from micropython import const

_RP2 = rules["port"] == "rp2"
STA_IF = 0
AP_IF = 1
STAT_IDLE = 0 if _RP2 else 1000
STAT_CONNECTING = 1 if _RP2 else 1001
STAT_GOT_IP = 3 if _RP2 else 1010
STAT_WRONG_PASSWORD = -3 if _RP2 else 202
STAT_NO_AP_FOUND = -2 if _RP2 else 201
STAT_CONNECT_FAIL = -1 if _RP2 else 203
_RSSI = const(-50)

_names = {"hostname": "board", "country": "XX"}


def hostname(name=None):
    """Return or set the host's name; ValueError beyond 32 characters (extmod/modnetwork.c)."""
    if name is None:
        return _names["hostname"]
    if len(name) > 32:
        raise ValueError
    _names["hostname"] = name
    return None


def country(code=None):
    """Return or set the country of the radio's rules; two letters."""
    if code is None:
        return _names["country"]
    if len(code) != 2:
        raise ValueError
    _names["country"] = code
    return None


def ipconfig(what):
    """What DHCP gave; the host's name servers are its own affair."""
    return {"dns": "0.0.0.0", "prefer": 4}[what]


class WLAN:
    """A station, connected from the start: a simulated board is reached over the loopback."""

    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    _powered = True  # cyw43's deinit() takes the chip's power, whoever calls it

    def __init__(self, interface=STA_IF):
        self._active = True
        self._up = True

    def active(self, on=None):
        if on is None:
            return self._active and WLAN._powered
        self._active = bool(on)
        self._up = self._up and self._active
        return None

    if _RP2:

        def deinit(self):  # network_cyw43.c:133
            WLAN._powered = self._up = False

    def connect(self, ssid=None, key=None, **options):
        if not self._active:
            raise OSError("STA not active")
        self._up = True

    def disconnect(self):
        self._up = False

    def isconnected(self):
        return self._up

    def status(self, what=None):
        if what == "rssi":
            return _RSSI
        return STAT_GOT_IP if self._up else STAT_IDLE

    def config(self, *names, **values):
        if not names:
            return None
        return {"mac": b"\x02\0\0\0\0\x01", "hostname": _names["hostname"]}.get(names[0], 0)

    def ifconfig(self, *_):
        address = "127.0.0.1" if self._up else "0.0.0.0"
        return address, "255.0.0.0", "127.0.0.1", "0.0.0.0"

    def ipconfig(self, what):
        return (self.ifconfig()[0], "255.0.0.0") if what == "addr4" else self._up
