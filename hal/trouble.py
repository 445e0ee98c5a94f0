"""Why there is no network, in words; borrowed when the driver's word changes."""

from micropython import const

# The codes of Link.code(), and the text for them. cyw43's own are below 100 [S: cyw43-driver
# src/cyw43.h CYW43_LINK_]; an ESP32's are the reasons of ESP-IDF, those below 200 plus 100 [S:
# ports/esp32/network_wlan.c network_wlan_status, esp_wifi_types_generic.h wifi_err_reason_t].
_AT_ONCE = const(
    (
        ((-3, 202), "wrong password for %s"),
        ((-2, 201), "network %s not found (2.4 GHz only)"),
        # Its 4-way handshake timed out, or the authentication expired.
        ((102, 115, 204), "%s does not let this board in: wrong password, or a weak signal"),
        ((210, 211), "%s wants a kind of security that this board has not"),
        ((200, 212), "%s is too far away"),
    )
)
_OTHERWISE = const("%s does not let this board in (%d)")
# Of what lasts.
_JOINING = const("%s does not answer: wrong password, or a weak signal")
_NO_ADDRESS = const("no address from DHCP")
_NO_CABLE = const("no Ethernet cable, or nothing at its other end")


def words(code, ssid, lasts):
    """Text for a code of Link.code(), None where there is nothing to tell.

    ssid: "" for Ethernet. lasts: False for a code that is new, of which some are mere stages.
    """
    if 0 <= code < 100:
        if not lasts:
            return None
        if code == 1:
            return _JOINING % ssid
        if code == 2:
            return "joined %s, %s" % (ssid, _NO_ADDRESS) if ssid else _NO_ADDRESS
        return _NO_CABLE if code == 90 else None
    if lasts:
        return None  # it was told
    for codes, text in _AT_ONCE:
        if code in codes:
            return text % ssid
    return _OTHERWISE % (ssid, code if code < 100 or code >= 200 else code - 100)
