"""The first and the last messages of a connection to a broker; borrowed for them."""

import json
from time import time

from micropython import const

from hal.net import within
from services.borrow import borrow
from services.status import time_text
from services.telemetry.delivery import deliver
from services.telemetry.session import may, said

_SUBSCRIBE = const(0x82)
_GOODBYE_MS = const(1500)
_REFUSAL = const("services.telemetry.refusal")
_ENOUGH = const(3)  # as in session.py
_REFUSED = const(0x80)  # MQTT 3.1.1 section 3.9.3


async def greet(connection, telemetry):
    """Publish that the board is online and its info, and subscribe. Raises OSError.

    Each step is confirmed before the next. A broker that closes the connection gives no reason, so
    this shows what it closed the connection on.
    """
    if telemetry.unwelcome or "problem" in telemetry.status:
        borrow(_REFUSAL, "tell")(telemetry, ())
    if may(telemetry, "status"):
        connection.publish((telemetry.base + "status").encode(), b"online", True)
    await connection.confirm()
    said(telemetry)
    if may(telemetry, "info"):
        tell_info(connection, telemetry)
        await connection.confirm()
        said(telemetry)
    topics = heard(telemetry)
    refused = []
    if topics and may(telemetry, "subscription"):
        _subscribe(connection, topics)
        await connection.confirm()
        said(telemetry)
        for i in range(min(len(topics), len(connection.granted))):
            if connection.granted[i] & _REFUSED:
                refused.append(topics[i])
    if refused:
        borrow(_REFUSAL, "tell")(telemetry, refused)


def heard(telemetry):
    """Return the topics that the board subscribes to."""
    topics = []
    if telemetry.commands:
        topics.append(telemetry.base + "command")
    if telemetry.discovery:
        topics.append(home(telemetry)[1])
    return topics


def home(telemetry):
    """Return Home Assistant's topics: for a device's description, and for its own start."""
    given = telemetry.discovery if isinstance(telemetry.discovery, dict) else {}
    prefix = given.get("prefix", "homeassistant")
    topic = "%s/device/%s/config" % (prefix, telemetry.device)
    return topic, given.get("birth", "homeassistant/status")


def tell_info(connection, telemetry):
    """Collect the message `info`: what is fixed for a boot, once the clock is set."""
    sections = telemetry.sections
    board = sections["board"]
    if not telemetry.started and sections["time"].get("set"):
        telemetry.started = time_text(time() - board.get("uptime_s", 0))
    info = {
        "version": board.get("version"),
        "outpost": board.get("outpost"),
        "application": board.get("application"),
        "firmware": board.get("firmware"),
        "board": board.get("name"),
        "address": sections.get("network", {}).get("address"),
        "reset_cause": board.get("reset_cause"),
        "boots": board.get("boots", 0),
        "started": telemetry.started,
        "commands": bool(telemetry.commands),
    }
    payload = json.dumps(info).encode()
    if telemetry.unwelcome.get("info", 0) < _ENOUGH:
        connection.publish((telemetry.base + "info").encode(), payload, True)


def _subscribe(connection, topics):
    """Gather a SUBSCRIBE of QoS 0 (MQTT 3.1.1 section 3.8)."""
    topics = [topic.encode() for topic in topics]
    connection.begin(_SUBSCRIBE, 2 + sum([3 + len(topic) for topic in topics]))
    connection.out.extend(b"\0\1")  # the packet's identifier: there is only this one
    for topic in topics:
        connection.text(topic)
        connection.out.append(0)


async def leave(connection, telemetry):
    """Deliver what waits, then disconnect, within a bound. Raises OSError or MemoryError."""
    await within(_GOODBYE_MS, _leave(connection, telemetry))


async def _leave(connection, telemetry):
    outbox = telemetry.outbox
    while outbox and may(telemetry, "event"):
        await deliver(outbox, connection)
    if may(telemetry, "status"):
        connection.publish((telemetry.base + "status").encode(), b"offline", True)
    await connection.leave()
