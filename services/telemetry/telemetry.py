"""Telemetry: the service that publishes the board's status and events to an MQTT broker."""

import json
from time import ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from services.borrow import borrow, reason
from services.service import Service
from services.telemetry.connection import TROUBLE, Connection
from services.telemetry.outbox import Outbox

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_STEADY_S = const(10)  # a connection that lasted this long forgives the failures before
_GOODBYE_MS = const(1500)

_CHANGES_STATE = const(("service/state", "service/restart"))
_ENCOURAGES = const(("network/up", "time/sync"))  # what may have been missing
_HERE = "services.telemetry."


class Telemetry(Service):
    """Publishes status, info, state and events below `<topic>/<device id>`.

    broker: mqtt://user:secret@host:1883 or mqtts://..., or None for no telemetry. cafile: path
    of the certificate of the broker's CA, for mqtts. every_s: seconds between two states.
    keepalive: seconds of silence after which the broker takes the board for gone. backlog: how
    many events wait while the broker is away. discovery: whether Home Assistant is told what
    there is. commands: whether it, and whoever may publish there, may reboot the board.
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
        self.started = None  # when the board did, as text, once the clock tells
        self._clock = status.section("time")
        self._site = site
        self._events = events
        self._wake = asyncio.Event()
        self._retry = False  # something has changed: no need to wait any longer
        self._state_due = self._announce_due = False
        self._obeying = None
        self._told_lost = False
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
                    self._say_lost(error)
                    if isinstance(error, MemoryError):
                        self._outbox.shed()
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
            borrow(_HERE + "greeting", "greet")(connection, self)
            await connection.confirm()
            self.status["connected"] = True
            self.status["last_error"] = None
            self._told_lost = False
            self._events.publish("telemetry/up", broker=self.status["broker"])
            await self._publish_until_lost(connection)
        except asyncio.CancelledError:
            if self.status["connected"] and connection.whole:
                await self._say_goodbye(connection)
            raise
        finally:
            self.status["connected"] = False
            connection.close()

    async def _publish_until_lost(self, connection):
        """Publish what there is, then wait for more; a ping keeps an idle connection alive."""
        outbox = self._outbox
        kept = await outbox.deliver_kept(connection)
        self._state_due = True
        self._announce_due = self.discovery
        stated = ticks_ms()
        while True:
            self._wake.clear()
            rest_ms = self.status["every_s"] * 1000 - elapsed(stated)
            if self._state_due or rest_ms <= 0:
                self._state_due = False
                stated = ticks_ms()
                rest_ms = self.status["every_s"] * 1000
                payload = json.dumps(self.sections).encode()
                connection.publish((self.base + "state").encode(), payload, True)
                await connection.flush()
            if not self.started and self._clock.get("set"):
                borrow(_HERE + "greeting", "tell_info")(connection, self)
            if self._announce_due:
                await self._announce(connection)
            await outbox.deliver(connection)
            if not outbox:
                if kept:
                    kept = False
                    outbox.forget_kept()
                try:
                    await asyncio.wait_for_ms(
                        self._wake.wait(), min(self.keepalive * 500, rest_ms)
                    )
                except asyncio.TimeoutError:
                    pass

    async def _announce(self, connection):
        """Tell Home Assistant what there is; a heap too full for that costs nothing else."""
        self._announce_due = False
        try:
            await borrow(_HERE + "discovery", "announce")(connection, self)
        except MemoryError:
            if not connection.whole:
                raise
            self.status["problem"] = "not enough memory for Home Assistant's discovery"

    async def _say_goodbye(self, connection):
        """Deliver what waits and leave in good order, within a bound."""
        try:
            await asyncio.wait_for_ms(self._leave(connection), _GOODBYE_MS)
        except (asyncio.TimeoutError,) + TROUBLE:
            pass  # the last will says the same

    async def _leave(self, connection):
        while self._outbox:
            await self._outbox.deliver(connection)
        connection.publish((self.base + "status").encode(), b"offline", True)
        await connection.leave()

    def _say_lost(self, error):
        """Note why there is no connection; tell the others once, not at every attempt."""
        self.status["last_error"] = why = reason(error)
        if not self._told_lost:
            self._told_lost = True
            self._events.publish("telemetry/down", broker=self.status["broker"], error=why)

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

    def _notice(self, topic, fields):
        """Queue what the broker shall hear of; a plain call, as every subscriber's."""
        news = self._outbox.put(topic, fields)
        if topic in _CHANGES_STATE:
            news = self._state_due = True
        elif topic in _ENCOURAGES:
            news = self._retry = True
        if news:
            self._wake.set()
