"""Why there is no network, in words; borrowed when the driver's status changes."""

from micropython import const

# The codes of Link.code() and their texts. Those below 100 are cyw43's own [S: cyw43-driver
# src/cyw43.h CYW43_LINK_]. The others are an ESP32's: the reasons of ESP-IDF, plus 100 if they are
# below 200 [S: ports/esp32/network_wlan.c network_wlan_status, esp_wifi_types_generic.h
# wifi_err_reason_t].
_AT_ONCE = const(
    (
        ((-3, 202), "wrong password for %s"),
        ((-2, 201), "network %s not found (2.4 GHz only)"),
        # The 4-way handshake timed out, or the authentication expired.
        ((102, 115, 204), "%s does not let this board in: wrong password, or a weak signal"),
        ((210, 211), "%s wants a kind of security that this board has not"),
        ((200, 212), "%s is too far away"),
    )
)
_OTHERWISE = const("%s does not let this board in (%d)")
# For states that last.
_JOINING = const("%s does not answer: wrong password, or a weak signal")
_NO_ADDRESS = const("no address from DHCP")
_NO_CABLE = const("no Ethernet cable, or nothing at its other end")


def words(code, ssid, lasts):
    """Return the text for a code of Link.code(), None if there is nothing to report.

    ssid: "" for Ethernet. lasts: False for a new code, which may only be a stage of connecting.
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
        return None  # already reported
    for codes, text in _AT_ONCE:
        if code in codes:
            return text % ssid
    return _OTHERWISE % (ssid, code if code < 100 or code >= 200 else code - 100)
