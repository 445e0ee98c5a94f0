"""hal.Link on Wi-Fi, ESP32 and RP2: it connects, and says in words why it does not."""

import pytest

from tests.hal.link.networks import CYW43, ESP32

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
