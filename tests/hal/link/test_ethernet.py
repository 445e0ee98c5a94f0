"""hal.Link on Ethernet: an ESP32's, at pins or SPI, and an RP2's with a WIZnet chip."""

import pytest

from tests.hal.link.networks import COMMON, CYW43, ESP32, LAN, WIZNET

ESP32_LAN = {"phy_type": "LAN8720", "phy_addr": 1, "mdc": 23, "mdio": 18, "power": 12}


def test_an_esp32s_ethernet_is_opened_as_config_json_says_and_once(board):
    said = board(
        "esp32",
        ESP32 + LAN,
        f"""
given = {ESP32_LAN | {"ref_clk": 17, "ref_clk_mode": "out"}}
link = hal.Link("not used", "", "w7", lan=given)
link.start()
again = hal.Link("not used", "", "w7", lan=given)  # services/network
again.start()
say(*network.calls)
say(again.up(), again.rssi(), why(True))
network.Ethernet.status_now = 3
say(why(), why(True))
network.Ethernet.status_now = 5
say(again.up(), again.address())
again.stop()
again.start()
say(*network.calls[2:])
""",
    )
    made = [
        ["mdc", 23],
        ["mdio", 18],
        ["phy_addr", 1],
        ["phy_type", 1],
        ["power", 12],
        ["ref_clk", 17],
        ["ref_clk_mode", 3],
    ]
    assert said == [
        [["lan", *made], "lan True as w7"],
        [False, None, "no Ethernet cable, or nothing at its other end"],
        [None, "no address from DHCP"],
        [True, "10.1.2.3"],
        ["lan False as w7", "lan True as w7"],
    ]


def test_an_esp32s_spi_ethernet(board):
    given = {"phy_type": "w5500", "spi": 2, "sck": 18, "mosi": 23, "miso": 19, "cs": 5, "int": 4}
    said = board(
        "esp32", ESP32 + LAN, f"hal.Link(lan={given}).start()\nsay(*network.calls[0][1:])"
    )
    spi = [2, ["baudrate", 20000000], ["miso", 19], ["mosi", 23], ["sck", 18]]
    assert said == [[["cs", 5], ["int", 4], ["phy_addr", 0], ["phy_type", 102], ["spi", spi]]]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "network.lan: phy_type is missing"),
        ({"phy_type": "LAN8720"}, "network.lan: mdc and mdio must be specified"),
        ({"phy_type": "DM9051"}, "network.lan: this firmware doesn't know DM9051"),
        ({**ESP32_LAN, "mdc": 77}, "network.lan: invalid pin"),
    ],
)
def test_what_is_wrong_with_an_esp32s_lan_is_named(board, given, says):
    """A few times; each constructor that fails keeps what it took."""
    said = board(
        "esp32",
        ESP32 + LAN,
        f"""
link = hal.Link(lan={given})
for _ in range(9):
    try:
        link.start()
        text = None
    except OSError as error:
        text = str(error)
    say(text)
say(network.calls.count("lost memory"))
""",
    )
    assert said[:-1] == [[says]] * 9
    assert said[-1][0] <= 5


def test_without_network_lan_an_esp32s_lan_is_not_touched(board):
    said = board(
        "esp32",
        ESP32 + LAN,
        """
def LAN(*arguments, **options):
    say("constructed")

network.LAN = LAN
link = hal.Link()
link.start()
say(link.up(), *network.calls)
network.joins()  # somebody else's doing
network.leased()
say(link.up(), link.address())
""",
    )
    assert said == [[False], [True, "192.168.4.2"]]


def test_a_wiznet_board_that_has_pins_for_it_needs_no_lan_and_keeps_its_link(board):
    """WIZNET5K() again would take the link down, and active() then resets the chip."""
    said = board(
        "rp2",
        "has_pins = True\n" + WIZNET,
        """
hal.Link(hostname="w7").start()  # boot.py
network.Chip.plugged = network.Chip.leased = True
link = hal.Link(hostname="w7")  # services/network
link.start()
say(*network.calls)
say(link.up(), link.address())
network.Chip.plugged = False
say(link.up(), why(True))
network.Chip.plugged, network.Chip.leased = True, False
say(link.up(), why(True))
link.stop()
link.start()
say(*network.calls[2:])
""",
    )
    assert said == [
        [["wiznet"], "reset"],
        [True, "10.1.2.3"],
        [False, "no Ethernet cable, or nothing at its other end"],
        [False, "no address from DHCP"],
        ["off", "reset"],
    ]


def test_an_rp2_with_a_chip_at_pins_of_its_own(board):
    given = {"spi": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": "GP17", "reset": 20, "int": 21}
    said = board(
        "rp2",
        "has_pins = False\n" + WIZNET,
        f"link = hal.Link(lan={given})\nlink.start()\nsay(*network.calls[0])",
    )
    spi = [0, ["baudrate", 20000000], ["miso", 16], ["mosi", 19], ["sck", 18]]
    assert said == [["wiznet", spi, "GP17", 20, 21]]


@pytest.mark.parametrize(
    ("network", "given", "says"),
    [
        (WIZNET, {"spi": 0, "cs": 17}, "network.lan: reset is missing"),
        (WIZNET, {}, "network.lan: function missing 3 required positional arguments"),
        (CYW43, {"spi": 0}, "network.lan: this firmware has no Ethernet"),
        (COMMON, None, "network.lan: this firmware has no Ethernet"),
    ],
)
def test_what_is_wrong_with_an_rp2s_lan_is_named(board, network, given, says):
    said = board(
        "rp2",
        "has_pins = False\n" + network,
        f"""
link = hal.Link(lan={given})
try:
    link.start()
except OSError as error:
    say(str(error))
say(link.up(), link.address(), link.rssi(), link.code())
""",
    )
    assert said == [[says], [False, None, None, None]]
