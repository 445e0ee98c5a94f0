"""What the tests of telemetry share: the service by itself, and what it says of its broker."""

import pytest

BOARD = """
status.section("board").update({"id": "b0a4d", "name": "shed", "version": "1.2", "boots": 3,
                                "firmware": "MicroPython", "reset_cause": "power-on"})
status.section("network").update({"address": "10.0.0.7"})
from services.telemetry import Telemetry
service = Telemetry(status, events, site, %s)
"""
STORED = 'events.publish("ftp/transfer", event_type="stored", path="/%s", bytes=7, ok=True)'
STATUS = 'status.section("telemetry")'


@pytest.fixture
def telemetry(alone):
    """Start a telemetry service: (broker URL, packages=None, **options) -> Device."""

    def start(broker, packages=None, heap=None, more="", **options):
        given = {"broker": broker} | options
        text = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return alone(BOARD % text + more, packages, heap)

    return start


def connected(device):
    device.wait_until(STATUS + '["connected"]')


def seqs(subscriber):
    return [message.json["seq"] for message in subscriber.matching("event/ftp/transfer")]


def wait_told(device, text):
    """Wait until the status says what is wrong with the broker."""
    device.wait_until(f'{text!r} in ({STATUS}["last_error"] or "")')
