"""Opens the network interface: Wi-Fi, or Ethernet as config.json describes it; used once."""

import machine
from micropython import const

_HOSTNAME_MAX = const(32)  # network.hostname() raises ValueError if it is longer
_BAUDRATE = const(20_000_000)  # of SPI; the firmware of WIZnet's own boards uses it too
_PLAIN = const(("phy_type", "phy_addr", "ref_clk_mode", "spi", "baudrate", "sck", "mosi", "miso"))


def open_link(ssid, hostname, country, lan, ethernet):
    """Return (interface, whether it is Wi-Fi). Raises OSError with what is wrong.

    ethernet: the interface if it was opened before, or None.
    """
    try:
        import network
    except ImportError:
        raise OSError("this board's firmware has no network")
    # Set both before active(True), which reads them on cyw43 [S: cyw43-driver cyw43_lwip.c
    # cyw43_cb_tcpip_init, cyw43_ctrl.c cyw43_wifi_on]. An ESP32's Ethernet reads the name there
    # too [S: ports/esp32/network_lan.c lan_active], its Wi-Fi in connect().
    name = host_name(hostname)
    if name:
        network.hostname(name)
    if len(country) == 2:
        network.country(country.upper())
    # Only firmware with its own pins for that chip has WIZNET5K.
    wiznet = hasattr(network, "WIZNET5K")
    if lan is None and hasattr(network, "WLAN") and (ssid or not wiznet):
        return network.WLAN(), True
    if ethernet is None:
        try:
            ethernet = _wiznet(network, lan or {}) if wiznet else _lan(network, lan or {})
        except (OSError, TypeError, ValueError) as error:
            raise OSError("network.lan: %s" % error)
    return ethernet, False


def host_name(text):
    """Convert a text to a host name (RFC 1123): letters, digits, hyphens, 32 at most."""
    made = ""
    for char in text:
        if "0" <= char <= "9" or "A" <= char <= "Z" or "a" <= char <= "z":
            made += char
        elif made and made[-1] != "-":
            made += "-"
    return made[:_HOSTNAME_MAX].rstrip("-")


def _wiznet(network, given):
    """Open an RP2's chip: on the firmware's own pins, else with spi, cs, reset and maybe int."""
    if not given:
        return network.WIZNET5K()
    _needs(given, "spi", "cs", "reset")
    pins = [machine.Pin(given[name]) for name in ("cs", "reset", "int") if name in given]
    return network.WIZNET5K(_spi(given), *pins)


def _lan(network, given):
    """Open an ESP32's Ethernet: LAN() needs phy_type, phy_addr and mdc and mdio, or spi.

    If it is open already, as after a soft reset, LAN() returns that interface.
    """
    if not hasattr(network, "LAN"):
        raise OSError("this firmware has no Ethernet")
    _needs(given, "phy_type")
    options = {name: machine.Pin(given[name]) for name in given if name not in _PLAIN}
    options["phy_type"] = getattr(network, "PHY_" + given["phy_type"].upper(), None)
    if options["phy_type"] is None:
        raise OSError("this firmware doesn't know %s" % given["phy_type"])
    options["phy_addr"] = given.get("phy_addr", 0)
    if "ref_clk_mode" in given:
        mode = given["ref_clk_mode"]
        options["ref_clk_mode"] = machine.Pin.OUT if mode == "out" else machine.Pin.IN
    if "spi" in given:
        options["spi"] = _spi(given)
    return network.LAN(**options)


def _needs(given, *names):
    for name in names:
        if name not in given:
            raise OSError("%s is missing" % name)


def _spi(given):
    pins = {name: machine.Pin(given[name]) for name in ("sck", "mosi", "miso") if name in given}
    return machine.SPI(given["spi"], baudrate=given.get("baudrate", _BAUDRATE), **pins)
