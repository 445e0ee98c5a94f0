"""Telemetry: the service that publishes the board's status and events to an MQTT broker."""

import json
from time import ticks_diff, ticks_ms, time

import asyncio
from micropython import const

from services.borrow import borrow
from services.events import Backlog
from services.service import Service
from services.status import time_text
from services.telemetry.connection import TROUBLE, Connection

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_STEADY_MS = const(10_000)  # a connection that lasted this long forgives the failures before
_BATCH = const(8)  # events in one write: about 1.5 KB of heap
_GOODBYE_MS = const(1500)
_OVERHEAD = const(128)  # bytes of a waiting event beside its payload
_RESERVE = const(12)  # the backlog stops growing while less than 1/12 of the heap is free

_FORWARDED = (
    "ftp/transfer",
    "ftp/login",
    "ftp/lockout",
    "ftp/tls",
    "service/restart",
    "task/crash",
)
_FORWARDED_ALL_OF = "update/"
_CHANGES_STATE = ("service/state", "service/restart")


class Telemetry(Service):
    """Publishes status, info, state and events below `<topic>/<device id>`.

    broker: mqtt://user:secret@host:1883, or None for no telemetry. every_s: seconds between
    two states. keepalive: seconds of silence after which the broker takes the board for gone.
    backlog: how many events wait while the broker is away. discovery: whether Home Assistant
    is told what there is.
    """

    name = "telemetry"
    restart = "on-failure"

    def __init__(
        self,
        status,
        events,
        site,
        broker=None,
        topic="outpost",
        every_s=60,
        discovery=True,
        keepalive=60,
        backlog=64,
    ):
        self._broker = None
        if broker:
            self._broker = borrow("services.telemetry.broker", "broker")(broker)
        self._topic = topic
        self._every_ms = every_s * 1000
        self._keepalive = keepalive
        self._backlog = Backlog(backlog)
        self._seq = 0
        self._sections = status.sections
        self._board = status.section("board")
        self._clock = status.section("time")
        self._network = status.section("network")
        self._heap = status.section("heap")
        self._free = None  # bytes of heap at the last measurement, and what was queued since then
        self._queued = 0
        self._events = events
        self._wake = asyncio.Event()
        self._retry = asyncio.Event()
        self._state_due = False
        self._started = None  # when the board did, as text, once the clock tells
        self._told_lost = False
        self.status = status.section(self.name)
        self.status.update(
            {
                "broker": "%s:%d" % self._broker[:2] if self._broker else None,
                "connected": False,
                "every_s": every_s,
                "waiting": 0,
                "dropped": 0,
                "sent": 0,
                "stall_ms": None,
                "last_error": None,
            }
        )
        if self._broker:
            events.subscribe(self._notice)

    async def run(self):
        """Connect, publish, connect again; finished where there is no broker."""
        if not self._broker:
            return
        delay = _FIRST_DELAY_S
        while True:
            began = ticks_ms()
            self._retry.clear()
            try:
                await self._session()
            except TROUBLE as error:
                self._say_lost(str(error))
            if ticks_diff(ticks_ms(), began) >= _STEADY_MS:
                delay = _FIRST_DELAY_S
            try:
                await asyncio.wait_for(self._retry.wait(), delay)
                delay = _FIRST_DELAY_S
            except asyncio.TimeoutError:
                delay = min(delay * 2, _LONGEST_DELAY_S)

    async def _session(self):
        """One connection, from opening it until the broker goes away or the service stops."""
        device = self._board.get("id", "unknown")
        self._base = "%s/%s/" % (self._topic, device)
        status_topic = (self._base + "status").encode()
        client_id = ("outpost-" + device).encode()
        # Woken by its end: a lost connection is noticed at once, not at the next ping.
        connection = Connection(self._broker, client_id, self._keepalive, ended=self._wake)
        try:
            try:
                await connection.open(status_topic, b"offline")
            finally:
                self.status["stall_ms"] = connection.stall_ms
            connection.publish(status_topic, b"online", retain=True)
            self._publish_info(connection)
            await connection.confirm()
            self.status["connected"] = True
            self.status["last_error"] = None
            self._told_lost = False
            self._events.publish("telemetry/up", broker=self.status["broker"])
            await self._publish_until_lost(connection)
        except asyncio.CancelledError:
            if self.status["connected"]:
                await self._say_goodbye(connection, status_topic)
            raise
        finally:
            self.status["connected"] = False
            connection.close()

    async def _publish_until_lost(self, connection):
        """Publish what there is, then wait for more; a ping keeps an idle connection alive."""
        ping_ms = self._keepalive * 500
        self._state_due = True
        stated = ticks_ms()
        while True:
            self._wake.clear()
            rest_ms = self._every_ms - ticks_diff(ticks_ms(), stated)
            if self._state_due or rest_ms <= 0:
                self._state_due = False
                stated = ticks_ms()
                rest_ms = self._every_ms
                if not self._started and self._clock.get("set"):
                    self._publish_info(connection)
                self._publish_json(connection, "state", self._sections)
                await connection.flush()
            await self._deliver(connection)
            if not len(self._backlog):
                try:
                    await asyncio.wait_for_ms(self._wake.wait(), min(ping_ms, rest_ms))
                except asyncio.TimeoutError:
                    pass

    async def _deliver(self, connection):
        """Publish the oldest waiting events; they leave the backlog once the broker has them."""
        backlog = self._backlog
        count = min(len(backlog), _BATCH)
        for index in range(count):
            topic, payload = backlog.peek(index)
            connection.publish((self._base + "event/" + topic).encode(), payload)
        dropped = backlog.dropped
        await connection.confirm()
        # Those that a full backlog dropped meanwhile were the oldest: of the ones just sent.
        for _ in range(count - (backlog.dropped - dropped)):
            backlog.pop()
        self.status["sent"] += count
        self.status["waiting"] = len(backlog)

    def _publish_info(self, connection):
        if not self._started and self._clock.get("set"):
            self._started = time_text(time() - self._board.get("uptime_s", 0))
        info = {
            "version": self._board.get("version"),
            "firmware": self._board.get("firmware"),
            "board": self._board.get("name"),
            "address": self._network.get("address"),
            "reset_cause": self._board.get("reset_cause"),
            "boots": self._board.get("boots", 0),
            "started": self._started,
        }
        self._publish_json(connection, "info", info)

    def _publish_json(self, connection, topic, value):
        payload = json.dumps(value).encode()
        connection.publish((self._base + topic).encode(), payload, retain=True)

    async def _say_goodbye(self, connection, status_topic):
        """Deliver what waits and leave in good order, within a bound."""
        try:
            await asyncio.wait_for_ms(self._leave(connection, status_topic), _GOODBYE_MS)
        except (asyncio.TimeoutError,) + TROUBLE:
            pass  # the last will says the same

    async def _leave(self, connection, status_topic):
        while len(self._backlog):
            await self._deliver(connection)
        connection.publish(status_topic, b"offline", retain=True)
        await connection.leave()

    def _say_lost(self, error):
        """Note why there is no connection; tell the others once, not at every attempt."""
        self.status["last_error"] = error
        if not self._told_lost:
            self._told_lost = True
            self._events.publish("telemetry/down", broker=self.status["broker"], error=error)

    def _notice(self, topic, fields):
        """Queue what the broker shall hear of; a plain call, as every subscriber's."""
        if topic in _CHANGES_STATE:
            self._state_due = True
            self._wake.set()
        elif topic == "network/up":
            self._retry.set()
        elif topic == "time/sync" and not self._started:
            self._state_due = True
            self._wake.set()
        if topic not in _FORWARDED and not topic.startswith(_FORWARDED_ALL_OF):
            return
        backlog = self._backlog
        if fields.get("event_type") == "progress" and (
            not self.status["connected"] or len(backlog) * 2 > backlog.size
        ):
            return  # news only while it is fresh: it shall not push out what matters
        self._seq += 1
        event = {"event_type": topic.rsplit("/", 1)[-1]}
        event.update(fields)
        event["seq"] = self._seq
        event["boot"] = self._board.get("boots", 0)
        event["time"] = time_text() if self._clock.get("set") else None
        payload = json.dumps(event).encode()
        if not self._fits(len(payload) + _OVERHEAD):
            backlog.drop()  # the heap is short: then what waits may not grow
        backlog.put((topic, payload))
        self.status["waiting"] = len(backlog)
        self.status["dropped"] = backlog.dropped
        self._wake.set()

    def _fits(self, size):
        """Whether size more bytes may wait, by what the supervisor measures each second."""
        free = self._heap.get("free_bytes")
        if free is None:
            return True  # not measured yet: the board has just started
        if free != self._free:
            self._free = free
            self._queued = 0
        self._queued += size
        return (free - self._queued) * _RESERVE >= self._heap["total_bytes"]
