"""Start: makes the Telemetry of its options; borrowed at boot."""

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
    """Make a Telemetry: its constructor, which no board needs after the start.

    broker: mqtt://user:secret@host:1883 or mqtts://..., or None for no telemetry. cafile: path
    of the certificate of the broker's CA, for mqtts. every_s: seconds between two states.
    keepalive: seconds of silence after which the broker takes the board for gone. backlog: how
    many events wait while the broker is away. discovery: whether Home Assistant is told what
    there is, or an object, see options.py. commands: whether it, and whoever may publish there,
    may reboot the board.
    """
    board = status.section("board")
    status.section("heap")
    status.section("time")
    device = board.get("id", "unknown")
    # What connecting needs; read by the modules that are borrowed for it.
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
    # The same -> how often the broker closed on it, 0 -> the last time; see refusal.py.
    self.unwelcome = {}
    self.started = None  # when the board did, as text, once the clock tells
    self.site = site
    self.events = events
    self.wake = asyncio.Event()
    self._retry = False  # something has changed: no need to wait any longer
    self.state_due = self.announce_due = False
    self.announced = 0  # how many of the sensors
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
        # Now, as long as the log ends with the life before.
        found = black_box(board, status.section("log"))
        if found:
            self.outbox.put("board/blackbox", found)


def _require_umqtt():
    """ImportError where umqtt.simple is missing: that is known at once, not with the first broker.

    Its file is looked for before it is imported: its 30 names would stay in the heap for good.
    """
    for folder in sys.path:
        for form in (".mpy", ".py"):
            try:
                os.stat(folder + "/umqtt/simple" + form)
                return
            except OSError:
                pass
    borrow("umqtt.simple", "MQTTClient")  # frozen, or missing
