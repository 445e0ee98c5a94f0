"""The network service: it connects, connects again ever more patiently, and says so."""

import json
from itertools import pairwise

import pytest

PRELUDE = """
import asyncio, json
import hal

class FakeLink:
    address_now = None
    fails = None
    code_now = None
    ssid = "field"
    made = []

    def __init__(self, *options):
        self.calls = []
        self.polls = 0
        self.options = options
        self.made.append(self)

    def start(self):
        self.calls.append(("start", self.polls))
        if self.fails:
            raise OSError(self.fails)

    def stop(self):
        self.calls.append(("stop", self.polls))

    def up(self):
        self.polls += 1
        return self.address_now is not None

    def address(self):
        return self.address_now

    def code(self):
        return self.code_now

    def rssi(self):
        return -61

real = hal.Link
hal.Link = FakeLink
from services.events import Events
from services.network import Network
from services.site import SiteCommands
from services.status import Status

status, events, site = Status(), Events(), SiteCommands()
published = []
events.subscribe(lambda topic, fields: published.append((topic, fields)))
section = status.section("network")
Network.poll_ms = 0

def say(name, value):
    print(json.dumps([name, value]))

async def run(network, polls, then=lambda link: None):
    task = asyncio.create_task(network.run())
    await asyncio.sleep_ms(0)
    link = network._link
    for _ in range(polls):
        before = link.polls
        for _ in range(100):
            if link.polls > before:
                break
            await asyncio.sleep_ms(0)
        then(link)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
"""


@pytest.fixture
def board(micropython):
    """A callable(script) -> what the script said; hal.Link is a fake that counts the polls."""

    def run(script):
        return dict(json.loads(line) for line in micropython(PRELUDE + script).splitlines())

    return run


def test_up_at_once_is_told_once(board):
    said = board("""
FakeLink.address_now = "192.168.1.7"
asyncio.run(run(Network(status, events, site), 30))
say("published", published)
say("section", section)
""")
    assert said["published"] == [["network/up", {"address": "192.168.1.7"}]]
    section = said["section"]
    assert section["up"] is True
    assert section["address"] == "192.168.1.7"
    assert section["rssi"] == -61
    assert section["drops"] == 0


def test_starts_follow_each_other_ever_more_slowly_and_a_dead_interface_is_cycled(board):
    said = board("""
network = Network(status, events, site, ssid="field", password="hunter2", hostname="w7")
asyncio.run(run(network, 270))
say("calls", network._link.calls)
say("options", network._link.options)
say("published", published)
say("section", section)
""")
    assert said["options"] == ["field", "hunter2", "w7", "", None, None, None]
    starts = [at for name, at in said["calls"] if name == "start"]
    assert starts[0] == 0
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps[1:6] == [2, 4, 8, 16, 32]
    assert max(gaps) <= 60
    assert [at for name, at in said["calls"] if name == "stop"] == [120, 240]
    assert said["published"] == [], "it was never up, so it did not go down"
    assert said["section"]["up"] is False
    assert "hunter2" not in json.dumps([said["section"], said["published"]])


def test_a_drop_is_told_counted_and_connected_again(board):
    said = board("""
network = Network(status, events, site)
def weather(link):
    FakeLink.address_now = None if 10 <= link.polls < 14 else "10.0.0.%d" % (link.polls > 13)
asyncio.run(run(network, 30, weather))
say("published", published)
say("starts", [at for name, at in network._link.calls])
say("drops", section["drops"])
say("rssi", section["rssi"])
""")
    assert said["published"] == [
        ["network/up", {"address": "10.0.0.0"}],
        ["network/down", {}],
        ["network/up", {"address": "10.0.0.1"}],
    ]
    assert any(10 <= at <= 13 for at in said["starts"])
    assert said["drops"] == 1
    assert said["rssi"] == -61


def test_a_new_address_is_told(board):
    said = board("""
def lease(link):
    FakeLink.address_now = "10.0.0.2" if link.polls > 4 else "10.0.0.1"
asyncio.run(run(Network(status, events, site), 9, lease))
say("published", [fields["address"] for topic, fields in published])
say("shown", section["address"])
""")
    assert said == {"published": ["10.0.0.1", "10.0.0.2"], "shown": "10.0.0.2"}


def test_an_interface_that_cannot_start_is_named_and_tried_again(board):
    said = board("""
FakeLink.fails = "no radio"
network = Network(status, events, site)
asyncio.run(run(network, 8))
say("problem", section["problem"])
say("starts", len(network._link.calls))
FakeLink.fails = None
FakeLink.address_now = "10.0.0.1"
asyncio.run(run(network, 3))
say("afterwards", section["problem"])
""")
    assert said["problem"] == "no radio"
    assert said["starts"] > 2
    assert said["afterwards"] is None


def test_why_there_is_no_network_is_told_once(board):
    said = board("""
network = Network(status, events, site, ssid="field", password="hunter2")
def weather(link):
    # Each attempt fails anew; then another reason, then the same as before, then it is up.
    FakeLink.code_now = (1, -3)[link.polls % 2] if link.polls < 20 else -2
    if link.polls == 30:
        FakeLink.address_now = "10.0.0.1"
        say("problem before", section["problem"])
    if link.polls == 35:
        say("problem while up", section["problem"])
        say("last problem", section["last_problem"])
        FakeLink.address_now = None
asyncio.run(run(network, 40, weather))
say("published", published)
say("problem", section["problem"])
""")
    not_found = "network field not found (2.4 GHz only)"
    assert said["published"] == [
        ["network/problem", {"error": "wrong password for field"}],
        ["network/problem", {"error": not_found}],
        ["network/up", {"address": "10.0.0.1"}],
        ["network/down", {}],
        ["network/problem", {"error": not_found}],
    ]
    assert said["problem before"] == said["problem"] == not_found
    assert said["problem while up"] is None
    assert said["last problem"] == not_found


def test_a_stage_that_lasts_is_a_trouble(board):
    said = board("""
network = Network(status, events, site, ssid="field")
FakeLink.code_now = 2
asyncio.run(run(network, 12))
say("early", section["problem"])
asyncio.run(run(network, 4))
say("late", section["problem"])
say("published", published)
""")
    text = "joined field, no address from DHCP"
    assert said == {
        "early": None,
        "late": text,
        "published": [["network/problem", {"error": text}]],
    }


def test_a_driver_that_cannot_tell_does_not_stop_the_service(board):
    said = board("""
def broken(link):
    raise RuntimeError("no chip")

FakeLink.code = broken
network = Network(status, events, site, ssid="field")
asyncio.run(run(network, 8))
say("starts", len(network._link.calls))
say("published", published)
""")
    assert said["starts"] > 2
    assert said["published"] == [["network/problem", {"error": "no chip"}]]


@pytest.mark.parametrize(
    ("name", "hostname", "asks"),
    [("weather-7", "", "weather-7"), ("weather-7", "roof", "roof"), (7, "", ""), (None, "", "")],
)
def test_the_host_is_called_as_the_board_unless_config_json_says_otherwise(
    board, name, hostname, asks
):
    said = board(f"""
status.section("board")["name"] = {name!r}
say("asks", Network(status, events, site, hostname={hostname!r})._link.options[2])
""")
    assert said["asks"] == asks


RULES = """
import config
from services.network.options import OPTIONS
problems = []
good = config.check("network", json.loads(%r), OPTIONS, problems)
say("good", good)
say("problems", problems)
"""
LAN = {"phy_type": "lan8720", "phy_addr": 1, "mdc": 23, "mdio": 18, "ref_clk_mode": "in"}
STATIC = {
    "address": "192.0.2.7",
    "netmask": "255.255.255.0",
    "gateway": "192.0.2.1",
    "dns": "192.0.2.2",
}


@pytest.mark.parametrize(
    "given",
    [
        {"country": "DE"},
        {"country": "de"},
        {"lan": None},
        {"lan": {}},
        {"lan": LAN},
        {"lan": {"phy_type": "W5500", "spi": 1, "baudrate": 1000000, "cs": "GP17", "int": 4}},
        {"static": None},
        {"static": {"address": "192.0.2.7"}},
        {"static": STATIC},
    ],
)
def test_right_options_are_taken(board, given):
    said = board(RULES % json.dumps(given))
    assert said == {"good": given, "problems": []}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"country": "DEU"}, "network.country: must be two letters, such as DE"),
        ({"country": "1A"}, "must be two letters"),
        ({"country": 49}, "must be two letters"),
        ({"lan": True}, "network.lan: must be an object such as"),
        ({"lan": {"phy": "LAN8720"}}, "network.lan: must not have phy; known are baudrate, "),
        ({"lan": {"phy_type": "LAN9999"}}, "network.lan: must have for phy_type one of DM9051, "),
        ({"lan": {"phy_addr": 32}}, "must have for phy_addr a whole number from 0 to 31"),
        ({"lan": {"mdc": True}}, 'must have for mdc a pin, such as 23 or "GP17"'),
        ({"lan": {"mdc": ""}}, "a pin"),
        ({"lan": {"ref_clk_mode": 1}}, 'must have for ref_clk_mode "in" or "out"'),
        ({"static": "192.0.2.7"}, "network.static: must be an object such as"),
        ({"static": {"gateway": "192.0.2.1"}}, "must be an object such as"),
        ({"static": STATIC | {"mask": 24}}, "must not have mask"),
        ({"static": {"address": "192.0.2.256"}}, "must have an IPv4 address for address"),
        ({"static": {"address": "barn"}}, "must have an IPv4 address for address"),
        ({"static": STATIC | {"dns": None}}, "must have an IPv4 address for dns"),
        ({"static": STATIC | {"netmask": "255.0.255.0"}}, "must have for netmask one such as"),
        ({"static": STATIC | {"gateway": "192.0.3.1"}}, "must have a gateway in its own network"),
    ],
)
def test_a_wrong_option_is_named(board, given, says):
    said = board(RULES % json.dumps(given))
    assert said["good"] == {}
    assert says in said["problems"][0]
    assert "running on its default" in said["problems"][0]


def test_on_a_simulated_board_the_link_is_up(board):
    said = board("""
hal.Link = real
network = Network(status, events, site)
async def main():
    task = asyncio.create_task(network.run())
    await asyncio.sleep_ms(1)
    task.cancel()
asyncio.run(main())
say("section", section)
say("published", published)
""")
    assert said["section"]["address"] == "127.0.0.1"
    assert said["section"]["rssi"] is None
    assert said["published"] == [["network/up", {"address": "127.0.0.1"}]]
