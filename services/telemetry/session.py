"""Session: one connection to the broker, from its opening to its end; unloaded between two.

Its functions work on the Telemetry that imports them. So 4.5 KB are free while no broker answers.
"""

import json
from time import ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from services.borrow import borrow
from services.telemetry.connection import Connection
from services.telemetry.delivery import deliver, deliver_kept, forget_kept

_FORGIVEN_S = const(3600)  # after this time, what the broker refused is sent again
_ENOUGH = const(3)  # times in a row that the broker closed the connection on it, see refusal.py
_HERE = const("services.telemetry.")


async def session(self):
    """Run one connection until the broker closes it or the service stops."""
    # Its end sets self.wake, so that a lost connection is noticed at once, not at the next ping.
    connection = Connection(self.wake, lambda *heard: _hear(self, *heard))
    try:
        try:
            await borrow(_HERE + "opening", "open_connection")(connection, self)
        finally:
            self.status["stall_ms"] = connection.stall_ms
        await borrow(_HERE + "greeting", "greet")(connection, self)
        self.status["connected"] = True
        self.status["last_error"] = None
        self.events.publish("telemetry/up", broker=self.status["broker"])
        await _publish_until_lost(self, connection)
    except asyncio.CancelledError:
        if self.status["connected"] and connection.whole:
            try:
                await borrow(_HERE + "greeting", "leave")(connection, self)
            except (OSError, MemoryError):
                pass  # the broker publishes the last will instead
        raise
    finally:
        self.status["connected"] = False
        connection.close()


def may(self, what):
    """Whether the broker accepts this kind of message. Call said() once it is confirmed."""
    if self.unwelcome and uptime() - self.unwelcome[0] > _FORGIVEN_S:
        self.unwelcome.clear()
        self.status["problem"] = None
    self.saying = what if self.unwelcome.get(what, 0) < _ENOUGH else None
    return self.saying


def said(self):
    """Note that the last message was confirmed."""
    self.unwelcome.pop(self.saying, None)
    self.saying = None


async def _publish_until_lost(self, connection):
    """Publish what waits, then wait for more; a ping keeps an idle connection alive."""
    outbox = self.outbox
    kept = may(self, "event") and await deliver_kept(outbox, connection)
    self.state_due = True
    self.announce_due = self.discovery
    stated = ticks_ms()
    while True:
        self.wake.clear()
        rest_ms = self.status["every_s"] * 1000 - elapsed(stated)
        if self.state_due or rest_ms <= 0:
            if rest_ms <= 0 and may(self, "status"):
                # Another "offline", such as a late last will, may be retained there.
                connection.publish((self.base + "status").encode(), b"online", True)
            self.state_due = False
            stated = ticks_ms()
            rest_ms = self.status["every_s"] * 1000
            if may(self, "state"):
                payload = json.dumps(self.sections).encode()
                connection.publish((self.base + "state").encode(), payload, True)
                await connection.confirm()
                said(self)
        if not self.started and self.sections["time"].get("set"):
            borrow(_HERE + "greeting", "tell_info")(connection, self)
        if self.announce_due or (self.discovery and len(self.sensors) != self.announced):
            await _announce(self, connection)
        held = outbox and not may(self, "event")
        if held:
            await connection.confirm()
        else:
            await deliver(outbox, connection)
            said(self)
        if held or not outbox:
            if kept:
                kept = False
                forget_kept(outbox)
            try:
                await asyncio.wait_for_ms(self.wake.wait(), min(self.keepalive * 500, rest_ms))
            except asyncio.TimeoutError:
                pass


async def _announce(self, connection):
    """Announce the board to Home Assistant. If memory is short for that, only report it."""
    self.announce_due = False
    self.announced = len(self.sensors)
    try:
        if may(self, "discovery"):
            await borrow(_HERE + "discovery", "announce")(connection, self)
    except MemoryError:
        if not connection.whole:
            raise
        self.status["problem"] = "not enough memory for Home Assistant's discovery"


def _hear(self, topic, payload, retained):
    """Handle a message: Home Assistant has started, or a command."""
    if topic != (self.base + "command").encode():
        if payload == b"online" and not retained:
            self.announce_due = True
            self.wake.set()
    elif not self.obeying or self.obeying.done():  # one command at a time
        obey = borrow(_HERE + "commands", "obey")
        told = obey(payload, retained, self.site, self.events.publish)
        self.obeying = asyncio.create_task(told)
    else:
        borrow(_HERE + "commands", "busy")(payload, self.events.publish)
