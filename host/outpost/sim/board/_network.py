"""`network` of a board: the host's loopback, with the Wi-Fi networks that the desk simulates.

Names and numbers are those of extmod/network_cyw43.c and ports/esp32/network_wlan.c, v1.28.0.
"""

import json

from _host import air, rules
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
    """Return or set the host name; ValueError if over 32 characters (extmod/modnetwork.c)."""
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
    """Return what DHCP gave; the host's name servers aren't reported."""
    return {"dns": "0.0.0.0", "prefer": 4}[what]


def _heard(ssid):
    """Return the password of a network in range, None if there is none of that name."""
    air.seek(0)
    return json.load(air).get(ssid)


class WLAN:
    """A station or an access point; the simulated board is always reached over the loopback.

    If the desk simulates no networks, a station is connected from the start. Otherwise it joins a
    network in range at once, and loses it when the network is removed.
    """

    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    SEC_WPA2 = 3  # an ESP32's: network_wlan.c:802
    SEC_WPA_WPA2 = 0x00400006 if _RP2 else 4  # network_cyw43.c:588
    _static = None
    _powered = True  # cyw43's deinit() cuts the chip's power, from any object
    _access_point = None  # one object for each interface: network_cyw43.c:96, network_wlan.c:273

    def __new__(cls, interface=STA_IF):
        if interface == AP_IF and WLAN._access_point:
            return WLAN._access_point
        made = object.__new__(cls)
        if interface == AP_IF:
            WLAN._access_point = made
        return made

    def __init__(self, interface=STA_IF):
        if hasattr(self, "_is_ap"):
            return
        self._is_ap = interface == AP_IF
        self._active = not self._is_ap and not air
        self._up = self._active
        self._ssid = None
        self._code = STAT_IDLE

    def active(self, on=None):
        if on is None:
            return self._active and WLAN._powered
        if on and self._is_ap and not self._active:
            print("radio: access point on", self._ssid if _RP2 else "")
        elif self._is_ap and self._active and not on:
            print("radio: access point off")
        self._active = bool(on)
        self._up = (self._is_ap or self._up) and self._active
        return None

    if _RP2:

        def deinit(self):  # network_cyw43.c:133
            WLAN._powered = self._up = False

    def connect(self, ssid=None, key=None, **options):
        if not self._active:
            raise OSError("STA not active")
        self._ssid = ssid
        known = _heard(ssid) if air else key
        self._up = known == key
        missing = air and known is None
        self._code = STAT_NO_AP_FOUND if missing else STAT_WRONG_PASSWORD

    def disconnect(self):
        self._up = False
        self._code = STAT_IDLE

    def isconnected(self):
        if self._up and air and not self._is_ap and _heard(self._ssid) is None:
            self._up = False
            self._code = STAT_NO_AP_FOUND
        return self._up

    def status(self, what=None):
        if what == "rssi":
            if not self._up:
                raise OSError  # network_wlan.c:447; cyw43 returns one in any state
            return _RSSI
        return STAT_GOT_IP if self._up else self._code

    def config(self, *names, **values):
        if names:
            return {"mac": b"\x02\0\0\0\0\x01", "hostname": _names["hostname"]}.get(names[0], 0)
        if self._is_ap:
            if not _RP2 and not self._active:
                raise OSError("Wifi Invalid Mode")  # esp_wifi_set_config() before the mode is set
            self._ssid = values.get("ssid", self._ssid)
            if 0 < len(values.get("password", "")) < 8:
                raise OSError("invalid password")
            print("radio: access point", self._ssid, "has a password:", "password" in values)
        return None

    def ifconfig(self, *given):
        if self._is_ap:
            return "192.168.4.1", "255.255.255.0", "192.168.4.1", "0.0.0.0"
        if given:
            (self._static,) = given
            address, mask, gateway, dns = self._static  # all four: network_common.c:114
            return None
        if not self.isconnected():
            return "0.0.0.0", "255.0.0.0", "127.0.0.1", "0.0.0.0"
        return self._static or ("127.0.0.1", "255.0.0.0", "127.0.0.1", "0.0.0.0")

    def ipconfig(self, what):
        return (self.ifconfig()[0], "255.0.0.0") if what == "addr4" else self._up
