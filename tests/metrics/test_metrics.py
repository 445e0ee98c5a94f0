"""`outpost metrics` with a real broker: what Prometheus reads there, and what it must not."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fixtures_page import INFO, Publisher
from outpost.metrics.collect import families
from outpost.watch.fleet import Fleet
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OUTPOST = Path(sys.executable).with_name("outpost")
SHED = {"board": "shed", "id": "b0a4d"}
STATE = {
    "board": {"uptime_s": 7200, "outpost": "0.1.0", "application": "w-3"},
    "heap": {"free_bytes": 61_000, "total_bytes": 136_192},
    "flash": {"free_bytes": 3_400_000, "total_bytes": 6_291_456},
    "network": {"rssi": -61},
    "ftp": {
        "sessions": 2, "transfers": 40, "failed": 3, "stored_bytes": 812_345, "sent_bytes": 5,
        "restarts": 1,
    },
    "time": {"set": True, "offset_ms": -14},
    "update": {"phase": "trial", "to": "2.0"},
}  # fmt: skip


class Exporter:
    """The command as it runs; what it serves is read by prometheus_client's own parser."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [OUTPOST, "metrics", "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        assert line.startswith("Metrics: http://127.0.0.1:"), line + self.process.stderr.read()
        self.url = line.split()[1]

    def read(self):
        """(name, labels as a sorted tuple) -> value of every sample that is served now."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            text = answer.read().decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def wait_for(self, value, name, **labels):
        """All samples, once that one has this value; None: once it isn't there."""
        deadline = time.monotonic() + 20
        while (found := self.read()).get(key(name, **labels)) != value:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found


def key(name, **labels):
    """The key of a sample in what read() gives."""
    return name, tuple(sorted(labels.items()))


@pytest.fixture
def export():
    """Start `outpost metrics`: (*arguments) -> Exporter, ended with the test."""
    exporters = []

    def start(*arguments):
        exporters.append(Exporter(*arguments))
        return exporters[-1]

    yield start
    for each in exporters:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def board(mosquitto):
    """A board that is online and has told all of itself."""
    made = Publisher(mosquitto)
    made.info()
    made.appear(**STATE)
    yield made
    made.close()


def test_a_state_is_served_with_units_and_types(mosquitto, board, export):
    found = export(mosquitto.url).wait_for(1, "outpost_up", **SHED)
    assert found[key("outpost_broker_connected")] == 1
    expected = {
        "outpost_heap_free_bytes": 61_000,
        "outpost_heap_size_bytes": 136_192,
        "outpost_flash_free_bytes": 3_400_000,
        "outpost_flash_size_bytes": 6_291_456,
        "outpost_rssi_dbm": -61,
        "outpost_clock_set": 1,
        "outpost_clock_offset_seconds": -0.014,
        "outpost_ftp_sessions": 2,
        "outpost_ftp_transfers_total": 40,
        "outpost_ftp_failures_total": 3,
        "outpost_ftp_stored_bytes_total": 812_345,
        "outpost_ftp_sent_bytes_total": 5,
        "outpost_service_restarts_total": 1,
        "outpost_boots_total": 1,
        "outpost_troubles": 0,
    }
    assert {name: found[key(name, **SHED)] for name in expected} == expected
    assert 7200 <= found[key("outpost_uptime_seconds", **SHED)] < 7260
    versions = {"version": "1.2", "outpost": "0.1.0", "application": "w-3"}
    told = key("outpost_board_info", address="192.168.1.5", **versions, **SHED)
    assert found[told] == 1
    phases = {
        dict(labels)["outpost_update_phase"]: value
        for (name, labels), value in found.items()
        if name == "outpost_update_phase"
    }
    assert len(phases) == 8
    assert [phase for phase, value in phases.items() if value] == ["trial"]
    assert found[key("outpost_condition", outpost_condition="online", **SHED)] == 1


def test_the_values_of_a_board_that_is_offline_go_until_it_tells_new_ones(
    mosquitto, board, export
):
    exporter = export(mosquitto.url)
    exporter.wait_for(61_000, "outpost_heap_free_bytes", **SHED)
    board.say("status", "offline", True)
    found = exporter.wait_for(0, "outpost_up", **SHED)
    assert {name for name, labels in found if ("id", "b0a4d") in labels} == {
        "outpost_up", "outpost_condition",
    }  # fmt: skip
    assert found[key("outpost_condition", outpost_condition="offline", **SHED)] == 1
    board.say("status", "online", True)
    found = exporter.wait_for(1, "outpost_up", **SHED)
    assert key("outpost_heap_free_bytes", **SHED) not in found, "that was before"
    board.state(**STATE | {"heap": {"free_bytes": 50_000, "total_bytes": 136_192}})
    exporter.wait_for(50_000, "outpost_heap_free_bytes", **SHED)


def test_a_board_that_is_late_is_not_up(mosquitto, export):
    board = Publisher(mosquitto)
    board.info()
    board.appear(**STATE, telemetry={"every_s": 1})
    board.close()
    exporter = export(mosquitto.url)
    exporter.wait_for(1, "outpost_condition", outpost_condition="late", **SHED)
    found = exporter.wait_for(0, "outpost_up", **SHED)
    assert key("outpost_heap_free_bytes", **SHED) not in found


def test_without_its_broker_it_knows_of_no_board(mosquitto, board, export):
    exporter = export(mosquitto.url)
    exporter.wait_for(1, "outpost_up", **SHED)
    mosquitto.stop()
    found = exporter.wait_for(0, "outpost_broker_connected")
    assert found == {key("outpost_broker_connected"): 0}
    mosquitto.start()
    exporter.wait_for(1, "outpost_up", **SHED)
    assert exporter.process.poll() is None


def test_a_real_board_is_served(mosquitto, start_board, export):
    telemetry = {"broker": mosquitto.url, "every_s": 5}
    board = start_board(config={"telemetry": telemetry})
    exporter = export(mosquitto.url)
    deadline = time.monotonic() + 20
    while not (up := [labels for name, labels in exporter.read() if name == "outpost_up"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    labels = dict(up[0])
    assert labels["board"] == "outpost"
    board.upload(board.ftp(), "/a.bin", b"x" * 3000)
    found = exporter.wait_for(3000, "outpost_ftp_stored_bytes_total", **labels)
    assert found[key("outpost_ftp_transfers_total", **labels)] == 1
    assert found[key("outpost_clock_set", **labels)] == 0
    board.kill()
    exporter.wait_for(0, "outpost_up", **labels)


HOSTILE = (
    {"board": 'a"b\\\n{}', "boots": -1},
    {"board": "\ud800\u202e\x1b[2J", "version": "\n# EOF\n"},
    {"board": ["x"], "boots": 1e300, "version": {"a": 1}},
)


@pytest.mark.parametrize("info", HOSTILE)
def test_whatever_a_board_calls_itself_the_text_is_sound(info):
    fleet = Fleet()
    for ident in ("a\x1b", "a\\x1b", "b"):
        base = f"outpost/{ident}"
        fleet.take(f"{base}/status", b"online", 0)
        fleet.take(f"{base}/info", json.dumps(INFO | info).encode(), 0)
        state = {"ftp": {"sent_bytes": -5}, "heap": {"free_bytes": "x"}, "update": {"phase": 1e9}}
        fleet.take(f"{base}/state", json.dumps(state).encode(), 0)
    from prometheus_client.openmetrics.exposition import generate_latest

    class Known:
        @staticmethod
        def collect():
            return families(fleet, True, 1)

    text = generate_latest(Known).decode()
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    assert sum(sample.name == "outpost_up" for sample in samples) == 2, "two ids look the same"
    assert all(sample.value >= 0 for sample in samples if sample.name.endswith("_total"))
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)


def test_only_the_metrics_are_there(mosquitto, export):
    exporter = export(mosquitto.url)
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(exporter.url.replace("/metrics", "/other"))
    assert missing.value.code == 404
    head = urllib.request.Request(exporter.url, method="HEAD")
    assert urllib.request.urlopen(head).read() == b""


def test_a_refused_login_and_a_taken_port_end_it(mosquitto_with_login, export):
    done = subprocess.run(
        [OUTPOST, "metrics", "--port", "0", f"mqtt://127.0.0.1:{mosquitto_with_login.port}"],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "it refuses the login" in done.stderr
    first = export(mosquitto_with_login.url)
    port = re.search(r":(\d+)/", first.url)[1]
    taken = subprocess.run(
        [OUTPOST, "metrics", "--port", port, mosquitto_with_login.url],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert taken.returncode == 1
    assert f"127.0.0.1:{port} can't be used" in taken.stderr
