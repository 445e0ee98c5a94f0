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
    assert said["options"] == ["field", "hunter2", "w7"]
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
