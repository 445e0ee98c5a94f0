"""hal.Link on ESP32 and RP2: what it asks of fakes of `network`, port by port.

What the fakes allow and refuse is what the sources of MicroPython 1.24 to 1.29 say; the lines
named are those of 1.28.
"""

import json

import pytest

MACHINE = """
class Pin:
    IN, OUT = 1, 3
    def __init__(self, name):
        if name == 77:
            raise ValueError("invalid pin")
        self.name = name

class SPI:
    def __init__(self, bus, **options):
        self.made = [bus] + sorted((name, getattr(options[name], "name", options[name]))
                                   for name in options)

class RTC:
    def memory(self, data=None):
        return b""

def reset(): pass
def deepsleep(): pass
mem32 = {0x4005801C: 0}
"""

# extmod/modnetwork.c 124 (country), 143 (hostname).
COMMON = """
calls = []
names = ["mpy", "XX"]

def hostname(name=None):
    if name is None:
        return names[0]
    if len(name) > 32:
        raise ValueError()
    names[0] = name

def country(code=None):
    if code is None:
        return names[1]
    if len(code) != 2:
        raise ValueError()
    names[1] = code
"""

# extmod/network_cyw43.c, lib/cyw43-driver/src/cyw43_ctrl.c, cyw43_lwip.c.
CYW43 = (
    COMMON
    + """
class Radio:
    state = 0  # cyw43.h 98: DOWN, JOIN, NOIP, UP; FAIL -1, NONET -2, BADAUTH -3
    active = False

class WLAN:
    PM_NONE = 16
    def __new__(cls, *arguments):  # line 96: always the same object
        return one
    def active(self, on=None):
        if on is None:
            return Radio.active
        if on and not Radio.active:  # the name and the country are read here
            calls.append("on %s %s" % tuple(names))
        elif not on:
            calls.append("off")
            Radio.state = 0
        Radio.active = on
    def status(self, what=None):
        return Radio.state if what is None else -70  # line 369: whatever the state
    def isconnected(self):
        return Radio.state == 3
    def config(self, **options):
        for name in options:
            if name != "pm":  # line 510
                raise ValueError("unknown config param")
        calls.append("config %s" % options)
    def disconnect(self):
        calls.append("disconnect")
    def connect(self, ssid, key):
        if not Radio.active:
            raise OSError(1)  # cyw43_wifi_join: EPERM
        calls.append("connect %s %s" % (ssid, key))
        Radio.state = 1
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")

one = object.__new__(WLAN)
"""
)

# ports/esp32/network_wlan.c.
ESP32 = (
    COMMON
    + """
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010  # modnetwork.h 63

class Radio:
    active = busy = joined = address = requested = False
    reason = retried = limit = 0

def fails(reason):
    '''An attempt ends: the driver's event, line 107.'''
    Radio.busy = Radio.joined = Radio.address = False
    Radio.reason = reason
    if Radio.requested:
        if Radio.limit:
            Radio.retried += 1
            if Radio.retried >= Radio.limit:
                return
        Radio.busy = True

def joins():
    Radio.busy, Radio.joined = False, True

def leased():
    Radio.address = True
    Radio.reason = 0  # line 186: only here

class WLAN:
    PM_NONE = 0
    def __new__(cls, *arguments):
        return one
    def active(self, on=None):
        if on is None:
            return Radio.active
        Radio.active = on
        calls.append("on" if on else "off")
    def status(self, what=None):
        if what is not None:  # line 421
            if not Radio.joined:
                raise OSError("Wifi Not Connected")
            return -70
        if Radio.address:
            return STAT_GOT_IP
        if Radio.reason in (201, 210, 211, 212):
            return Radio.reason
        if Radio.reason in (202, 205):
            return 202
        if Radio.reason == 8:
            return STAT_IDLE
        if Radio.requested and (Radio.limit == 0 or Radio.retried < Radio.limit):
            return STAT_CONNECTING
        return Radio.reason or STAT_IDLE
    def isconnected(self):
        return Radio.address
    def config(self, **options):
        if not Radio.active:
            raise OSError("Wifi Not Started")
        for name in options:
            if name == "reconnects":  # line 629
                Radio.limit = options[name] + 1
            elif name != "pm":
                raise ValueError("unknown config param")
    def disconnect(self):
        calls.append("disconnect")
        Radio.requested = False
        if Radio.busy or Radio.joined:
            fails(8)
    def connect(self, ssid, key):
        if Radio.busy:
            raise OSError("Wifi Internal State Error")
        calls.append("connect %s %s as %s" % (ssid, key, names[0]))  # line 349: the name
        Radio.busy, Radio.retried, Radio.requested = True, 0, True
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")

one = object.__new__(WLAN)
"""
)

# ports/esp32/network_lan.c.
LAN = """
PHY_LAN8710, PHY_LAN8720, PHY_W5500 = 0, 1, 102  # modnetwork.h 47

class Ethernet:
    status_now = 0  # ETH_INITIALIZED, STARTED, STOPPED, CONNECTED, DISCONNECTED, GOT_IP
    on = False
    def active(self, on=None):
        if on is not None and on != Ethernet.on:
            Ethernet.on = on
            calls.append("lan %s as %s" % (on, names[0]))  # line 363: the name
        return Ethernet.on
    def status(self):
        return Ethernet.status_now
    def isconnected(self):
        return Ethernet.on and Ethernet.status_now == 5
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1")

opened = None

def LAN(id=None, **options):
    global opened
    if opened:  # line 111: before it looks at any argument
        return opened
    for name in ("phy_addr", "phy_type"):
        if name not in options:
            raise TypeError("'%s' argument required" % name)
    if options["phy_type"] < 100 and not ("mdc" in options and "mdio" in options):
        calls.append("lost memory")
        raise ValueError("mdc and mdio must be specified")
    calls.append(["lan"] + sorted(
        (name, getattr(options[name], "name", getattr(options[name], "made", options[name])))
        for name in options))
    opened = Ethernet()
    return opened
"""

# extmod/network_wiznet5k.c; ports/rp2/boards/W5500_EVB_PICO has pins for it.
WIZNET = (
    COMMON
    + """
class Chip:
    up = plugged = leased = False

class WIZNET5K:
    def __new__(cls, *arguments):
        Chip.up = False  # line 696: flags = 0
        if not arguments and not has_pins:
            raise TypeError("function missing 3 required positional arguments")
        if arguments and len(arguments) not in (3, 4):
            raise TypeError("function expected at most 4 arguments")
        calls.append(["wiznet"] + [getattr(given, "made", getattr(given, "name", None))
                                   for given in arguments])
        return one
    def active(self, on=None):
        if on is None:
            return Chip.up
        if on and not Chip.up:  # line 842
            calls.append("reset")
            Chip.leased = False
        if not on:
            calls.append("off")
        Chip.up = on
    def status(self):
        return (2 if Chip.up else 1) if Chip.plugged else 0  # line 964
    def isconnected(self):
        return Chip.up and Chip.plugged and Chip.leased
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1")

one = object.__new__(WIZNET5K)
"""
)

PRELUDE = """
import json, sys, time

class Implementation:
    version = (1, 29, 0, "")
    _machine = "A module with RP2040"

class Sys:  # hal chooses by sys.platform
    platform = sys.argv[2]
    implementation = Implementation
    modules = sys.modules

sys.path.insert(0, sys.argv[1])
real_sys, sys.modules["sys"] = sys, Sys
import hal
from hal import trouble
import network

def say(*values):
    print(json.dumps(values))

def why(lasts=False):
    return trouble.words(link.code(), link.ssid, lasts)
"""


@pytest.fixture
def board(micropython, tmp_path):
    """A callable(platform, network, script) -> list of what the script said."""

    def run(platform, network, script):
        (tmp_path / "machine.py").write_text(MACHINE)
        (tmp_path / "network.py").write_text(network)
        out = micropython(PRELUDE + script, tmp_path, platform)
        return [json.loads(line) for line in out.splitlines() if line.startswith("[")]

    return run


CONNECT = """
link = hal.Link("field", "hunter2", "weather-7", "de")
link.start()
"""


def test_an_rp2_begins_to_connect_once_and_is_not_interrupted(board):
    said = board(
        "rp2",
        CYW43,
        CONNECT
        + """
say(*network.calls)
say(link.up(), link.address(), link.code())
link.start()  # on the way
network.Radio.state = 2
link.start()  # joined
network.Radio.state = 3
link.start()
again = hal.Link("field", "hunter2", "weather-7")  # services/network, after boot.py
again.start()
say(again.up(), again.address(), again.rssi(), len(network.calls))
""",
    )
    assert said == [
        ["on weather-7 DE", "config {'pm': 16}", "connect field hunter2"],
        [False, None, 1],
        [True, "192.168.4.2", -70, 3],
    ]


def test_an_esp32_begins_to_connect_once_and_is_not_interrupted(board):
    said = board(
        "esp32",
        ESP32,
        CONNECT
        + """
say(*network.calls)
say(link.up(), link.address(), link.rssi(), link.code())
link.start()  # on the way
network.joins()
say(link.code(), link.rssi())
link.start()  # joined
network.leased()
again = hal.Link("field", "hunter2", "weather-7")
again.start()
say(again.up(), again.address(), again.rssi(), len(network.calls))
""",
    )
    assert said == [
        ["on", "connect field hunter2 as weather-7"],
        [False, None, None, 1],
        [2, -70],
        [True, "192.168.4.2", -70, 2],
    ]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (-3, "wrong password for field"),
        (-2, "network field not found (2.4 GHz only)"),
        (-1, "field does not let this board in (-1)"),
        (0, None),
        (1, None),
        (2, None),
    ],
)
def test_what_an_rp2_says_becomes_words_and_it_tries_again(board, code, says):
    said = board(
        "rp2",
        CYW43,
        CONNECT
        + f"""
network.Radio.state = {code}
say(why())
link.start()
say(*network.calls[3:])
""",
    )
    again = ["disconnect", "config {'pm': 16}", "connect field hunter2"]
    assert said == [[says], again if code < 1 else []]


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (202, "wrong password for field"),
        (205, "wrong password for field"),
        (15, "field does not let this board in: wrong password, or a weak signal"),
        (204, "field does not let this board in: wrong password, or a weak signal"),
        (2, "field does not let this board in: wrong password, or a weak signal"),
        (201, "network field not found (2.4 GHz only)"),
        (210, "field wants a kind of security that this board has not"),
        (200, "field is too far away"),
        (1, "field does not let this board in (1)"),
        (203, "field does not let this board in (203)"),
        (8, None),
    ],
)
def test_what_an_esp32_says_becomes_words_and_it_tries_again(board, reason, says):
    """The driver is kept from retrying by itself: then it says "connecting" of a bad handshake."""
    said = board(
        "esp32",
        ESP32,
        CONNECT
        + f"""
network.fails({reason})
say(why())
link.start()
say(*network.calls[2:])
network.joins()  # the reason stays in the driver until there is an address
say(link.code())
""",
    )
    assert said == [[says], ["disconnect", "connect field hunter2 as weather-7"], [2]]


@pytest.mark.parametrize(
    ("platform", "network", "joining", "joined"),
    [
        ("rp2", CYW43, "network.Radio.state = 1", "network.Radio.state = 2"),
        ("esp32", ESP32, "", "network.joins()"),
    ],
)
def test_a_stage_that_lasts_is_told(board, platform, network, joining, joined):
    said = board(
        platform,
        network,
        CONNECT + f"{joining}\nsay(why(), why(True))\n{joined}\nsay(why(), why(True))",
    )
    assert said == [
        [None, "field does not answer: wrong password, or a weak signal"],
        [None, "joined field, no address from DHCP"],
    ]


@pytest.mark.parametrize(("platform", "network"), [("rp2", CYW43), ("esp32", ESP32)])
def test_stop_takes_the_interface_down_and_start_begins_afresh(board, platform, network):
    said = board(
        platform,
        network,
        CONNECT
        + """
link.stop()
say(*network.calls[-2:])
link.start()
say(network.calls[-1].split(" as ")[0])
hal.Link("x").stop()  # never started: nothing to take down
""",
    )
    assert said == [["disconnect", "off"], ["connect field hunter2"]]


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("weather-7", "weather-7"),
        ("Weather 7 (roof)", "Weather-7-roof"),
        ("_wetter_", "wetter"),
        ("Küche", "K-che"),
        ("n" * 40, "n" * 32),
        ("n" * 31 + "-x", "n" * 31),
        ("", "mpy"),
        ("???", "mpy"),
    ],
)
def test_a_name_is_made_fit_for_a_host(board, name, host):
    said = board("rp2", CYW43, f"hal.Link('a', 'b', {name!r}).start()\nsay(*network.calls[0:1])")
    assert said == [[f"on {host} XX"]]


@pytest.mark.parametrize("country", ["", "DEU", "D"])
def test_a_country_of_another_length_is_not_one(board, country):
    """boot.py hands over what config.json says, unchecked."""
    said = board("rp2", CYW43, f"hal.Link('a', 'b', 'c', {country!r}).start()\nsay(network.names)")
    assert said == [[["c", "XX"]]]


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


@pytest.mark.parametrize(
    ("platform", "network", "given"),
    [
        ("rp2", CYW43, ["field", "hunter2"]),
        ("esp32", ESP32, ["field", "hunter2"]),
        ("rp2", "has_pins = True\n" + WIZNET, []),
    ],
    ids=["an RP2's Wi-Fi", "an ESP32's Wi-Fi", "Ethernet"],
)
@pytest.mark.parametrize(
    ("static", "all_four"),
    [
        ({"address": "192.0.2.7"}, "192.0.2.7 255.255.255.0 0.0.0.0 0.0.0.0"),
        (
            {"address": "192.0.2.7", "netmask": "255.255.0.0", "gateway": "192.0.2.1"},
            "192.0.2.7 255.255.0.0 192.0.2.1 192.0.2.1",
        ),
        (
            {"address": "192.0.2.7", "gateway": "192.0.2.1", "dns": "192.0.2.2"},
            "192.0.2.7 255.255.255.0 192.0.2.1 192.0.2.2",
        ),
    ],
    ids=["alone", "with a gateway", "with a name server"],
)
def test_an_address_of_its_own_is_taken_once_the_interface_is_on(
    board, platform, network, given, static, all_four
):
    (calls,) = board(
        platform,
        network,
        f"link = hal.Link(*{given}, static={static})\nlink.start()\nsay(*network.calls)",
    )
    took = calls.index("address " + all_four)
    before, after = calls[:took], calls[took + 1 :]
    assert before, "active(True) begins DHCP, which it ends"
    assert [str(call).split()[0] for call in after] == ["connect"] * bool(given)


def test_an_address_of_its_own_replaces_one_that_a_soft_reset_left(board):
    said = board(
        "rp2",
        CYW43,
        """
network.Radio.active, network.Radio.state = True, 3
link = hal.Link("field", "hunter2", static={"address": "192.0.2.7"})
link.start()
say(*network.calls)
""",
    )
    assert said == [["address 192.0.2.7 255.255.255.0 0.0.0.0 0.0.0.0"]]


def test_a_board_without_network_says_so(board):
    said = board(
        "rp2",
        CYW43,
        """
import os
os.remove(real_sys.argv[1] + "/network.py")
del real_sys.modules["network"]
link = hal.Link("a", "b")
try:
    link.start()
except OSError as error:
    say(str(error))
say(link.up(), link.address(), link.rssi())
""",
    )
    assert said == [["this board's firmware has no network"], [False, None, None]]
