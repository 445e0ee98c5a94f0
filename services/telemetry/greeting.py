"""The first words on a connection to a broker; borrowed for them."""

import json
from time import time

from micropython import const

from services.borrow import borrow
from services.status import time_text

_BIRTH = const("homeassistant/status")  # where Home Assistant says that it has come up
_SUBSCRIBE = const(0x82)


def greet(connection, telemetry):
    """Gather that the board is online, who it is, and what it wants to hear."""
    connection.publish((telemetry.base + "status").encode(), b"online", True)
    tell_info(connection, telemetry)
    topics = []
    if telemetry.commands:
        topics.append(telemetry.base + "command")
    if telemetry.discovery:
        topics.append(_BIRTH)
    else:
        # There is nothing to hear, and nothing of an earlier configuration shall stay.
        borrow("services.telemetry.discovery", "withdraw")(connection, telemetry.device)
    if topics:
        _subscribe(connection, topics)


def tell_info(connection, telemetry):
    """Gather the message `info`: what holds for a whole boot, once the clock is set."""
    sections = telemetry.sections
    board = sections["board"]
    if not telemetry.started and sections["time"].get("set"):
        telemetry.started = time_text(time() - board.get("uptime_s", 0))
    info = {
        "version": board.get("version"),
        "firmware": board.get("firmware"),
        "board": board.get("name"),
        "address": sections.get("network", {}).get("address"),
        "reset_cause": board.get("reset_cause"),
        "boots": board.get("boots", 0),
        "started": telemetry.started,
    }
    payload = json.dumps(info).encode()
    connection.publish((telemetry.base + "info").encode(), payload, True)


def _subscribe(connection, topics):
    """Gather a SUBSCRIBE of QoS 0 (MQTT 3.1.1 section 3.8)."""
    topics = [topic.encode() for topic in topics]
    connection.begin(_SUBSCRIBE, 2 + sum([3 + len(topic) for topic in topics]))
    connection.out.extend(b"\0\1")  # the packet's identifier: there is one
    for topic in topics:
        connection.text(topic)
        connection.out.append(0)
