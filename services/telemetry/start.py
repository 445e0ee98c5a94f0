"""Start: makes the Telemetry from its options; borrowed at boot."""

import os
import sys

import asyncio

from services.borrow import borrow
from services.telemetry.blackbox import black_box
from services.telemetry.outbox import Outbox


def make(
    self,
    status,
    events,
    site,
    broker=None,
    cafile="/tls/ca.der",
    topic="outpost",
    every_s=60,
    discovery=True,
    commands=False,
    keepalive=60,
    backlog=64,
):
    """Initialize a Telemetry. Here, so that the code is unloaded after the start.

    broker: mqtt://user:secret@host:1883 or mqtts://..., or None for no telemetry. cafile: path of
    the certificate of the broker's CA, for mqtts. every_s: seconds between two states. keepalive:
    seconds of silence after which the broker considers the board gone. backlog: how many events
    wait while the broker is away. discovery: whether to announce the board to Home Assistant, or
    an object, see options.py. commands: whether MQTT commands may reboot the board.
    """
    board = status.section("board")
    status.section("heap")
    status.section("time")
    device = board.get("id", "unknown")
    # What connecting needs, for the modules that are borrowed for it.
    self.cafile = cafile
    self.broker = borrow("services.telemetry.broker", "broker")(broker) if broker else None
    self.base = "%s/%s/" % (topic, device)
    self.device = "outpost-" + device
    self.keepalive = keepalive
    self.discovery = discovery
    self.commands = commands
    self.sections = status.sections
    self.sensors = status.sensors
    self.saying = None  # what the broker has not confirmed yet: status, info, state, event ...
    # kind of message -> how often the broker closed on it; 0 -> the last time. See refusal.py.
    self.unwelcome = {}
    self.started = None  # when the board started, as text, once the clock is set
    self.site = site
    self.events = events
    self.wake = asyncio.Event()
    self._retry = False  # connect without further delay
    self.state_due = self.announce_due = False
    self.announced = 0  # number of sensors announced
    self.obeying = None
    self.status = status.section(self.name)
    self.status.update(
        {
            "broker": "%s:%d" % self.broker[:2] if broker else None,
            "connected": False,
            "every_s": every_s,
            "stall_ms": None,
            "last_error": None,
        }
    )
    self.outbox = Outbox(backlog, self.base, self.status, status.sections)
    if broker:
        _require_umqtt()
        events.subscribe(self._notice)
        # Now, while the log still ends with the last boot.
        found = black_box(board, status.section("log"))
        if found:
            self.outbox.put("board/blackbox", found)


def _require_umqtt():
    """Raise ImportError if umqtt.simple is missing: now, not at the first connection.

    Look for its file instead of importing it: its 30 names would stay in the heap for good.
    """
    for folder in sys.path:
        for form in (".mpy", ".py"):
            try:
                os.stat(folder + "/umqtt/simple" + form)
                return
            except OSError:
                pass
    borrow("umqtt.simple", "MQTTClient")  # frozen into firmware, or missing
