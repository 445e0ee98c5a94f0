"""Telemetry: the service that publishes the board's status and events to an MQTT broker."""

import json
from time import ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from services.borrow import borrow
from services.service import Service
from services.telemetry.connection import TROUBLE, Connection
from services.telemetry.outbox import Outbox

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_FORGIVEN_S = const(3600)  # then what the broker closed on is tried again
_STEADY_S = const(10)  # a connection that lasted this long forgives the failures before

_CHANGES_STATE = const(("service/state", "service/restart"))
_ENCOURAGES = const(("network/up", "time/sync"))  # what may have been missing
_HERE = "services.telemetry."


class Telemetry(Service):
    """Publishes status, info, state and events below `<topic>/<device id>`.

    broker: mqtt://user:secret@host:1883 or mqtts://..., or None for no telemetry. cafile: path
    of the certificate of the broker's CA, for mqtts. every_s: seconds between two states.
    keepalive: seconds of silence after which the broker takes the board for gone. backlog: how
    many events wait while the broker is away. discovery: whether Home Assistant is told what
    there is, or an object, see options.py. commands: whether it, and whoever may publish there,
    may reboot the board.
    """

    name = "telemetry"
    restart = "on-failure"

    def __init__(
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
        board = status.section("board")
        status.section("heap")
        device = board.get("id", "unknown")
        # What connecting needs; read by the modules that are borrowed for it.
        self.cafile = cafile
        self.broker = borrow(_HERE + "broker", "broker")(broker) if broker else None
        self.base = "%s/%s/" % (topic, device)
        self.device = "outpost-" + device
        self.keepalive = keepalive
        self.discovery = discovery
        self.commands = commands
        self.sections = status.sections
        self.saying = None  # what the broker has not confirmed yet: status, info, state, event ...
        # The same -> how often the broker closed on it, 0 -> the last time; see refusal.py.
        self.unwelcome = {}
        self.started = None  # when the board did, as text, once the clock tells
        self._clock = status.section("time")
        self._site = site
        self._events = events
        self._wake = asyncio.Event()
        self._retry = False  # something has changed: no need to wait any longer
        self._state_due = self._announce_due = False
        self._obeying = None
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
        self._outbox = Outbox(backlog, self.base, self.status, status.sections)
        if broker:
            borrow("umqtt.simple", "MQTTClient")  # where it is missing, that is known at once
            events.subscribe(self._notice)
            # Now, as long as the log ends with the life before.
            black_box = borrow(_HERE + "blackbox", "black_box")(board, status.section("log"))
            if black_box:
                self._outbox.put("board/blackbox", black_box)

    async def run(self):
        """Connect, publish, connect again; finished where there is no broker."""
        if not self.broker:
            return
        delay = _FIRST_DELAY_S
        try:
            while True:
                began = uptime()
                self._retry = False
                try:
                    await self._session()
                except TROUBLE as error:
                    if isinstance(error, MemoryError):
                        self._outbox.shed()
                    try:
                        borrow(_HERE + "refusal", "lost")(self, error, self._events, self._outbox)
                    except MemoryError:
                        pass
                if uptime() - began >= _STEADY_S:
                    delay = _FIRST_DELAY_S
                if await self._pause(delay):
                    delay = _FIRST_DELAY_S
                else:
                    delay = min(delay * 2, _LONGEST_DELAY_S)
        finally:
            self._outbox.keep(True)

    async def _pause(self, seconds):
        """Wait before the next attempt; True where it need not have been that long."""
        began = ticks_ms()
        while not self._retry:
            self._outbox.keep()
            left = seconds * 1000 - elapsed(began)
            if left <= 0:
                return False
            self._wake.clear()
            try:
                await asyncio.wait_for_ms(self._wake.wait(), left)
            except asyncio.TimeoutError:
                pass
        return True

    async def _session(self):
        """One connection, from opening it until the broker goes away or the service stops."""
        # Woken by its end: a lost connection is noticed at once, not at the next ping.
        connection = Connection(self._wake, self._hear)
        try:
            try:
                await borrow(_HERE + "opening", "open_connection")(connection, self)
            finally:
                self.status["stall_ms"] = connection.stall_ms
            await borrow(_HERE + "greeting", "greet")(connection, self)
            self.status["connected"] = True
            self.status["last_error"] = None
            self._events.publish("telemetry/up", broker=self.status["broker"])
            await self._publish_until_lost(connection)
        except asyncio.CancelledError:
            if self.status["connected"] and connection.whole:
                try:
                    await borrow(_HERE + "greeting", "leave")(connection, self, self._outbox)
                except TROUBLE:
                    pass  # the last will says the same
            raise
        finally:
            self.status["connected"] = False
            connection.close()

    def may(self, what):
        """Whether something is to be said: the broker takes it. said() once it is confirmed."""
        if self.unwelcome and uptime() - self.unwelcome[0] > _FORGIVEN_S:
            self.unwelcome.clear()
            self.status["problem"] = None
        self.saying = what if self.unwelcome.get(what, 0) < 3 else None
        return self.saying

    def said(self):
        """What was to be said is confirmed."""
        self.unwelcome.pop(self.saying, None)
        self.saying = None

    async def _publish_until_lost(self, connection):
        """Publish what there is, then wait for more; a ping keeps an idle connection alive."""
        outbox = self._outbox
        kept = self.may("event") and await outbox.deliver_kept(connection)
        self._state_due = True
        self._announce_due = self.discovery
        stated = ticks_ms()
        while True:
            self._wake.clear()
            rest_ms = self.status["every_s"] * 1000 - elapsed(stated)
            if self._state_due or rest_ms <= 0:
                if rest_ms <= 0 and self.may("status"):
                    # Somebody else's word, a late last will say, may be retained there.
                    connection.publish((self.base + "status").encode(), b"online", True)
                self._state_due = False
                stated = ticks_ms()
                rest_ms = self.status["every_s"] * 1000
                if self.may("state"):
                    payload = json.dumps(self.sections).encode()
                    connection.publish((self.base + "state").encode(), payload, True)
                    await connection.confirm()
                    self.said()
            if not self.started and self._clock.get("set"):
                borrow(_HERE + "greeting", "tell_info")(connection, self)
            if self._announce_due:
                self._announce_due = False
                try:
                    if self.may("discovery"):
                        await borrow(_HERE + "discovery", "announce")(connection, self)
                except MemoryError:  # a heap too full for that costs nothing else
                    if not connection.whole:
                        raise
                    self.status["problem"] = "not enough memory for Home Assistant's discovery"
            held = outbox and not self.may("event")
            if held:
                await connection.confirm()
            else:
                await outbox.deliver(connection)
                self.said()
            if held or not outbox:
                if kept:
                    kept = False
                    outbox.forget_kept()
                try:
                    await asyncio.wait_for_ms(
                        self._wake.wait(), min(self.keepalive * 500, rest_ms)
                    )
                except asyncio.TimeoutError:
                    pass

    def _hear(self, topic, payload, retained):
        """A message to this board: that Home Assistant has come up, or a command."""
        if topic != (self.base + "command").encode():
            if payload == b"online" and not retained:
                self._announce_due = True
                self._wake.set()
        elif not self._obeying or self._obeying.done():  # one at a time
            obey = borrow(_HERE + "commands", "obey")
            told = obey(payload, retained, self._site, self._events.publish)
            self._obeying = asyncio.create_task(told)
        else:
            borrow(_HERE + "commands", "busy")(payload, self._events.publish)

    def _notice(self, topic, fields):
        """Queue what the broker shall hear of; a plain call, as every subscriber's."""
        news = self._outbox.put(topic, fields)
        if topic in _CHANGES_STATE:
            news = self._state_due = True
        elif topic in _ENCOURAGES:
            news = self._retry = True
        if news:
            self._wake.set()
