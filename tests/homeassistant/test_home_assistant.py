"""Home Assistant's own mqtt integration reads what a real board announces and tells.

`make test-ha` installs it into an environment of its own: it is large.
"""

import json
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "ha" / "bin" / "python"
CHECK = Path(__file__).parent / "check.py"


def ask_home_assistant(config, messages):
    """What Home Assistant says to a discovery message: (faults, entity -> values)."""
    if not (PYTHON.parent / "hass").exists():
        pytest.skip("NOT TESTED: Home Assistant is not there; `make test-ha` installs it")
    done = subprocess.run(
        [PYTHON, CHECK],
        input=json.dumps({"config": config, "messages": messages}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["faults"], found["values"]


@pytest.fixture
def told(start_board, mosquitto, subscriber, chronyd):
    """(discovery message, topic -> payloads) of a board with a clock, commands and traffic."""
    if not (PYTHON.parent / "hass").exists():
        pytest.skip("NOT TESTED: Home Assistant is not there; `make test-ha` installs it")
    board = start_board(
        clock="2000",
        config={
            "telemetry": {"broker": mosquitto.url, "commands": True, "every_s": 5},
            "time": {"servers": [chronyd.address]},
        },
    )
    upload = board.begin_upload("/slow.bin")
    subscriber.wait_for("ftp/transfer", event_type="progress")
    upload.finish()
    board.wait_console("time/sync")
    subscriber.wait_for("ftp/transfer", event_type="stored")
    subscriber.wait_for("/info", count=2)
    states = len(subscriber.matching("/state"))
    subscriber.wait_for("/state", count=states + 1)
    messages = {}
    for message in subscriber.messages:
        messages.setdefault(message.topic, []).append(message.payload.decode())
    return subscriber.wait_for("/config").json, messages


def test_each_entity_passes_its_platforms_schema_and_its_template_tells_the_truth(told):
    config, messages = told
    faults, values = ask_home_assistant(config, messages)

    assert faults == []
    assert values.keys() == config["cmps"].keys()
    last = {name: found[-1] for name, found in values.items() if found}
    state = json.loads(messages[config["~"] + "/state"][-1])
    assert int(last["heap_free"]) == state["heap"]["free_bytes"]
    assert int(last["flash_free"]) == state["flash"]["free_bytes"]
    assert int(last["bytes_in"]) == state["ftp"]["stored_bytes"] > 0
    assert int(last["bytes_out"]) == 0
    assert int(last["sessions"]) == state["ftp"]["sessions"]
    assert int(last["clock_offset"]) == state["time"]["offset_ms"]
    assert int(last["longest_stall"]) == state["loop"]["longest_stall_ms"]
    assert int(last["restarts"]) == 0
    assert int(last["boots"]) == 1
    assert (last["clock_set"], last["problem"]) == ("ON", "OFF")
    assert int(last["rssi"]) == state["network"]["rssi"] < 0
    # Before the clock was set there was no such time, afterwards it has a zone.
    assert values["last_boot"][0] == "None"
    assert datetime.fromisoformat(last["last_boot"]).tzinfo
    kinds = [json.loads(text)["event_type"] for text in values["transfer"] if text]
    assert set(kinds) <= set(config["cmps"]["transfer"]["evt_typ"])
    assert kinds == ["started", "stored"]
    assert "" in values["transfer"], "progress is passed over"


WITH_AN_UPDATE = """
status.section("board").update({"id": "b0a4d", "name": "shed", "version": "1.0", "boots": 3,
                                "firmware": "MicroPython", "outpost": "0.9",
                                "reset_cause": "power-on"})
status.section("update").update({"phase": "staged", "version": "1.0", "to": "1.1"})
status.section("network").update({"address": "10.0.0.7", "rssi": None})
from services.telemetry import Telemetry
service = Telemetry(status, events, site, broker=%r)
"""


def test_an_update_and_a_problem_are_told(alone, mosquitto, subscriber):
    device = alone(WITH_AN_UPDATE % mosquitto.url)
    subscriber.wait_for("/state")
    device.ask('status.section("update").update({"phase": "rolled-back"})')
    device.ask('status.section("ftp").update({"state": "failed"})')
    device.ask('events.publish("service/state", service="ftp", state="failed")')
    subscriber.wait_for("/state", count=2)

    states = [message.payload.decode() for message in subscriber.matching("/state")]
    faults, values = ask_home_assistant(
        subscriber.wait_for("/config").json, {"outpost/b0a4d/state": states}
    )
    assert faults == []
    assert (values["problem"][0], values["problem"][-1]) == ("OFF", "ON")
    assert set(values["rssi"]) == {"None"}  # a board without Wi-Fi: Home Assistant says unknown
    told = [json.loads(text) for text in values["update"]]
    assert told[0] == {"installed_version": "1.0", "latest_version": "1.1"}
    assert told[-1] == {"installed_version": "1.0", "latest_version": "1.0"}


def test_what_is_wrong_is_found(told):
    """The proof that the tests above can fail."""
    config, messages = told
    config["cmps"]["rssi"]["dev_cla"] = "strength"
    config["cmps"]["boots"]["colour"] = "green"
    del config["cmps"]["transfer"]["evt_typ"]
    faults = " ".join(ask_home_assistant(config, messages)[0])

    assert "rssi:" in faults
    assert "boots: sensor knows no colour" in faults
    assert "transfer:" in faults
