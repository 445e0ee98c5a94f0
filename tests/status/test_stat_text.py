"""host/outpost/status/stat_text.py: STAT's text, as the device writes it, read back."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outpost.status.stat_text import parse

WRITE = """
import json, sys
from services.status_text import lines
for line in lines(json.loads(sys.stdin.read())):
    print("211-" + line)
"""
HEADS = """211-System date: 2026-11-27 04:01:56
211-Uptime: 3 days, 02:04
211-Number of users: 2
211-Health: look below
211-! app failed: OSError: 5, sessions 3
211-Outpost 0.1.0 (MicroPython 1.29.0, with a comma, on linux)
211-Connected to: outpost
211-Logged in as: admin (admin, from 127.0.0.1)
211-TYPE: A, FORM: Nonprint; STRUcture: File; transfer MODE: Stream
211-STOR /a b, sessions 3: 9 bytes so far, 5 bytes/s
211-The clock is not set: times are not real
"""
SECTIONS = {
    "board": {"boots": 3, "firmware": "MicroPython 1.29.0, preview; x", "id": "018a5bd14bdb",
              "name": "12", "uptime_s": 3 * 86400 + 7451, "version": "1.4.0"},
    "network": {"state": "running", "up": True, "rssi": -61},
    "ftp": {"state": "running", "sessions": 2, "stored_bytes": 52 * 1024, "transfers": 4,
            "transfers_now": 1, "failed": 0, "converted": 2},
    "time": {"state": "waiting", "error": "OSError: 5, sessions, all 3 of them", "offset_ms": -12,
             "restarts": 2, "set": True, "stall_ms": 130_000, "utc_offset_min": 60},
    "heap": {"free_bytes": 629, "total_bytes": 12 * 1024 * 1024},
    "telemetry": {"state": "off"},
    "app": {"temperature_c": 21.5, "door_open": False, "left_s": 90_000, "room_bytes": 2048},
}  # fmt: skip


@pytest.fixture
def written(micropython, tmp_path):
    """What the device's own code makes of sections: (sections) -> the reply's text."""

    def write(sections):
        script = WRITE.replace(
            "json.loads(sys.stdin.read())",
            f"json.loads({json.dumps(json.dumps(sections))}).items()",
        )
        return HEADS + micropython(script) + "211 End."

    return write


def test_what_the_device_writes_is_read_back(written):
    assert parse(written(SECTIONS)) == SECTIONS


def test_long_texts_are_broken_between_words(written):
    """Below 80 columns with `211-` before them; only a word that is longer goes beyond."""
    why = "the broker closes the connection on homeassistant/device/outpost-46c6d97ee530/config"
    text = " ".join([why] * 4)
    sections = {
        "rescue": {"reason": text},
        "telemetry": {"state": "running", "kept": 0, "broker": "10.0.0.5:1883", "problem": text},
        "app": {"state": "running", "path": "/" + "x" * 90},
    }
    reply = written(sections)

    assert parse(reply)["telemetry"] == sections["telemetry"]
    assert [len(line) > 78 for line in reply.splitlines()].count(True) == 1
    assert "211-network    running, rssi -61 dBm, up yes\n" in written(SECTIONS)


def test_what_is_rounded_is_close(written):
    exact = {"heap": {"free_bytes": 123_456, "total_bytes": 11_111_111}}
    read = parse(written(exact))
    assert read["heap"]["free_bytes"] == pytest.approx(123_456, abs=512)
    assert read["heap"]["total_bytes"] == pytest.approx(11_111_111, rel=0.01)


def test_heads_are_no_sections():
    assert parse(HEADS + "211 End.") == {}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=300), st.text(max_size=100))
def test_any_text_is_read_as_something(text, value):
    for reply in (text, f"211-board      {text}\n211-           {value}\n211 End."):
        for section in parse(reply).values():
            json.dumps(section, allow_nan=True)


TROUBLES = """
import json, sys
from services.status_text import troubles
for line in troubles({}):
    print(line)
"""
WELL = {
    "board": {"uptime_s": 9},
    "time": {"state": "running", "set": True, "source": "10.0.0.1"},
    "ftp": {"state": "running", "problem": None},
    "heap": {"free_bytes": 50_000, "total_bytes": 130_000},
    "update": {"state": "running", "phase": "idle"},
    "telemetry": {"state": "off"},
}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"app": {"state": "failed", "error": "OSError: 5"}}, "app failed: OSError: 5"),
        ({"time": {"set": False}}, "time: the clock is not set, so times are not real"),
        ({"telemetry": {"connected": False, "last_error": "no address"}}, "telemetry: no address"),
        ({"telemetry": {"connected": True, "last_error": "no address"}}, ""),
        ({"telemetry": {"connected": False, "last_error": None}}, ""),
        ({"config": {"problems": "ftp.x: no such key"}}, "config: ftp.x: no such key"),
        ({"rescue": {"reason": "three boots failed"}}, "rescue: three boots failed"),
        ({"update": {"phase": "trial"}}, "update: a version is on trial"),
        ({"update": {"phase": "rolled-back", "reason": "E"}}, "update: rolled back: E"),
        ({"flash": {"free_bytes": 4096, "total_bytes": 2 << 20}}, "flash: 4 KiB free of 2048 KiB"),
    ],
)
def test_what_is_wrong_is_said_in_words(micropython, changed, says):
    sections = json.dumps(WELL | changed)
    script = TROUBLES.format(f"json.loads({sections!r}).items()")
    assert micropython(script).strip() == says


HEALTH = """
import json
from services.status_text import health, troubles
seen = list(health(json.loads({}).items()))
print(json.dumps(dict(seen)))
for line in troubles(seen):
    print(line)
"""
HIDDEN = "only admins are told"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"app": {"state": "failed", "error": "OSError: /x"}}, f"app failed: {HIDDEN}"),
        ({"telemetry": {"connected": False, "last_error": "no /x"}}, f"telemetry: {HIDDEN}"),
        ({"log": {"state": "running", "problem": "/x is full"}}, f"log: {HIDDEN}"),
        ({"config": {"state": "trial", "problems": "ftp./x"}}, f"config: {HIDDEN}"),
        ({"rescue": {"reason": "/x failed"}}, f"rescue: {HIDDEN}"),
        ({"update": {"phase": "trial", "reason": "/x"}}, "update: a version is on trial"),
        ({"update": {"phase": "rolled-back", "reason": "/x"}}, f"update: rolled back: {HIDDEN}"),
        ({"board": {"uptime_s": 9, "hung_in": None, "failure": "/x"}}, ""),
        ({"board": {"uptime_s": 9, "hung_in": "/x"}}, ""),
    ],
)
def test_readers_learn_that_something_is_wrong_and_not_what(micropython, changed, says):
    sections = json.dumps(WELL | changed)
    seen, *said = micropython(HEALTH.format(repr(sections))).splitlines()

    assert "\n".join(said) == says
    assert "/x" not in seen
    assert "10.0.0.1" not in seen


def test_long_identifiers_come_last(written):
    text = written({"board": {"bundle": "0a1b2c3d", "boots": 3, "id": "018a5bd1", "name": "x"}})
    assert "board      boots 3, name x, bundle 0a1b2c3d, id 018a5bd1" in text
