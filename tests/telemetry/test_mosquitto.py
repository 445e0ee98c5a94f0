"""A board beside a real mosquitto that does not take everything: what STAT says, what goes on."""

import json
import re
import time
from pathlib import Path

import pytest

COMMANDS = {"commands": True, "every_s": 5}


@pytest.fixture
def told(start_board):
    """A callable (broker's URL, text) -> what STAT says of a board there, with that text in it."""

    def start(url, text):
        board = start_board(config={"telemetry": {"broker": url} | COMMANDS})
        session = board.ftp()
        deadline = time.monotonic() + 30
        while text not in (stat := re.sub(r"\s*\n211- +", " ", board.stat(session))):
            assert time.monotonic() < deadline, stat
            time.sleep(0.2)
        return stat

    return start


def configure(mosquitto, *lines):
    """Start the broker anew with these lines, too, in its configuration."""
    with (mosquitto.log.parent / "mosquitto.conf").open("a") as config:
        config.write("\n".join(lines) + "\n")
    mosquitto.restart()


def connections(mosquitto):
    """How often a board has connected."""
    return mosquitto.log.read_text().count(" as outpost")


def test_a_packet_limit_is_named_and_one_connection_lasts(told, mosquitto, subscribe):
    configure(mosquitto, "max_packet_size 2048")
    stat = told(mosquitto.url, "left out now")
    heard = subscribe(mosquitto)
    heard.wait_for("/state", count=3)

    assert "! telemetry: the broker closes the connection on homeassistant/device/" in stat
    assert "take packets of 8192 bytes, or set telemetry.discovery to false" in stat
    assert connections(mosquitto) == 4, "the fourth says nothing too long, and stays"


def test_a_refused_subscription_is_named_and_the_connection_stays(told, mosquitto, tmp_path):
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if not plugin:
        pytest.skip("NOT TESTED: this mosquitto came without its dynamic security plugin")
    rules = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    whole = {"defaultACLAccess": rules, "anonymousGroup": "all"}
    whole["groups"] = [{"groupname": "all", "roles": []}]
    (tmp_path / "rules.json").write_text(json.dumps(whole))
    configure(mosquitto, f"plugin {plugin}", f"plugin_opt_config_file {tmp_path}/rules.json")
    stat = told(mosquitto.url, "the broker refuses the subscription to")

    assert re.search(r"/command and homeassistant/status; let this user subscribe to it,", stat)
    assert "connected yes" in stat
    assert connections(mosquitto) == 1


def test_what_an_access_list_forbids_costs_nothing_else(told, mosquitto, tmp_path, subscribe):
    """This mosquitto drops it without a word, so nobody on the board can tell."""
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write ready\ntopic write outpost/+/state\n")
    configure(mosquitto, f"acl_file {rules}")
    heard = subscribe(mosquitto)
    told(mosquitto.url, "connected yes")
    heard.wait_for("/state", count=3)

    assert "Denied PUBLISH" in mosquitto.log.read_text()
    assert {message.topic.split("/")[0] for message in heard.messages} == {"ready", "outpost"}
    assert connections(mosquitto) == 1
