"""The board's own access point, with WPA2; borrowed to open it and to close it."""

import sys

import network
from micropython import const

from hal.opening import host_name

_ESP32 = sys.platform == "esp32"
_NAMELESS = "outpost"  # the name of each board that was given none
# CYW43_AUTH_WPA2_AES_PSK [S: cyw43-driver src/cyw43_ll.h]. An ESP32 has a constant with its own
# value [S: ports/esp32/network_wlan.c wlan_if_locals_dict_table].
_WPA2 = const(0x00400004)


def available():
    """Whether this firmware has Wi-Fi and no Ethernet of its own, which needs no set-up."""
    return hasattr(network, "WLAN") and not hasattr(network, "WIZNET5K")


def name_of(board):
    """Return the access point's name: the board's, as a host name. board: its status section."""
    name = board.get("name")
    name = host_name(name) if isinstance(name, str) else ""
    if name in ("", _NAMELESS):
        name = "%s-%s" % (_NAMELESS, str(board.get("id"))[-4:])
    return name


def opened(name, password):
    """Open the access point and return its interface. Raises OSError.

    cyw43 needs name and password before active(True); later it would restart for each of them [S:
    extmod/network_cyw43.c network_cyw43_config]. An ESP32 refuses them before active(True) [S:
    ports/esp32/network_wlan.c network_wlan_config, esp_wifi_set_config: ESP_ERR_WIFI_MODE].
    """
    if not hasattr(network, "WLAN"):
        raise OSError("fallback_ap: this board's firmware has no Wi-Fi")
    link = network.WLAN(network.AP_IF)
    if _ESP32:
        link.active(True)
    security = getattr(network.WLAN, "SEC_WPA2", _WPA2)
    try:
        link.config(ssid=name, password=password, security=security)
    except Exception:
        link.active(False)  # an open access point is worse than none
        raise
    if not _ESP32:
        link.active(True)
    return link


def close(link):
    """Close the access point."""
    link.active(False)
