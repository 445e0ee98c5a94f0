"""The rules of section network in config.json; unloaded when the services are built."""

from hal.net import is_address

_PINS = (
    "mdc mdio power reset ref_clk cs int sck mosi miso "
    "crs_dv rxd0 rxd1 tx_en txd0 txd1 clk_in clk_out"  # of an ESP32-P4
).split()
_NUMBERS = {"phy_addr": 31, "spi": 7, "baudrate": 80_000_000}
_PHYS = (
    "DM9051 DP83848 GENERIC IP101 KSZ8041 KSZ8081 KSZ8851SNL LAN8670 LAN8710 LAN8720 RTL8201 W5500"
).split()


def _country(value):
    """The rule for `country`."""
    if not isinstance(value, str) or len(value) != 2 or not value.isalpha():
        raise ValueError("must be two letters, such as DE")


def _lan(value):
    """The rule for `lan`: how Ethernet is connected. One wrong key makes all of it invalid."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise ValueError(
            'must be an object such as {"phy_type": "LAN8720", "mdc": 23, "mdio": 18}'
        )
    for key in value:
        given = value[key]
        number = isinstance(given, int) and not isinstance(given, bool)
        if key in _PINS:
            good = (number and 0 <= given <= 99) or (isinstance(given, str) and given)
            wants = 'a pin, such as 23 or "GP17"'
        elif key in _NUMBERS:
            good = number and 0 <= given <= _NUMBERS[key]
            wants = "a whole number from 0 to %d" % _NUMBERS[key]
        elif key == "phy_type":
            good = isinstance(given, str) and given.upper() in _PHYS
            wants = "one of " + ", ".join(_PHYS)
        elif key == "ref_clk_mode":
            good = given in ("in", "out")
            wants = '"in" or "out"'
        else:
            known = sorted(_PINS + list(_NUMBERS) + ["phy_type", "ref_clk_mode"])
            raise ValueError("must not have %s; known are %s" % (key, ", ".join(known)))
        if not good:
            raise ValueError("must have for %s %s" % (key, wants))


def _networks(value):
    """The rule for `networks`: a list of objects, the preferred network first."""
    good = isinstance(value, list) and len(value) <= 16
    for one in value if good else ():
        good = good and isinstance(one, dict) and bool(one.get("ssid"))
        for key in one if good else ():
            good = good and key in ("ssid", "password") and isinstance(one[key], str)
    if not good:
        raise ValueError('must be a list of 16 at most, such as [{"ssid": "a", "password": "b"}]')


def _fallback_ap(value):
    """The rule for `fallback_ap`: a password of WPA2 (IEEE 802.11i: 8 to 63 of ASCII)."""
    good = isinstance(value, str) and 8 <= len(value) <= 63
    if value is not None and not (good and all(" " <= char <= "~" for char in value)):
        raise ValueError("must be null, or a password of 8 to 63 ASCII characters")


def _static(value):
    """The rule for `static`: a fixed address, used in place of DHCP's."""
    if value is None:
        return
    if not isinstance(value, dict) or "address" not in value:
        raise ValueError('must be an object such as {"address": "192.0.2.7"}')
    for key in value:
        if key not in ("address", "netmask", "gateway", "dns"):
            raise ValueError("must not have " + key)
        if _number(value[key]) is None:
            raise ValueError("must have an IPv4 address for " + key)
    mask = _number(value.get("netmask", "255.255.255.0"))
    if mask | (mask - 1) != 0xFFFFFFFF:
        raise ValueError("must have for netmask one such as 255.255.255.0")
    gateway = value.get("gateway")
    if gateway and (_number(gateway) ^ _number(value["address"])) & mask:
        raise ValueError("must have a gateway in its own network")


def _number(text):
    """Return the 32 bits of an IPv4 address; None if text isn't one."""
    if not isinstance(text, str) or not is_address(text):
        return None
    number = 0
    for part in text.split("."):
        if len(part) > 3:
            return None
        number = number << 8 | int(part)
    return number


OPTIONS = {
    "ssid": "str",
    "password": "str",
    "hostname": "str",
    "country": _country,
    "lan": _lan,
    "static": _static,
    "networks": _networks,
    "fallback_ap": _fallback_ap,
    "trial_s": "int 10 86400",
}
