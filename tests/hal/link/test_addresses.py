"""hal.Link with an address of its own, on Wi-Fi and on Ethernet."""

import pytest

from tests.hal.link.networks import CYW43, ESP32, WIZNET


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
