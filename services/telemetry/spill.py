"""Failures that no broker has received yet, stored on flash across a reset; borrowed.

A line of the file is the topic, a space, and the event as it will be published.
"""

import json
import os

from micropython import const

from hal.files import replace

_BYTES = const(4096)  # a block of the flash
_LINE = const(2048)
_BATCH = const(4)  # lines in one write to the broker
_FAILED = const(b'"event_type": "failed"')  # no text can contain it: quotes are escaped


def keep(path, backlog, topics):
    """Append the failures of backlog to those in the file; return how many are stored.

    Failures are failed transfers and the events in topics: bytes, each between spaces. If the file
    would exceed 4 KiB, the oldest are dropped. Raises OSError if the file system fails.
    """
    lines = []
    for index in range(len(backlog)):
        topic, payload = backlog.peek(index)
        if b" %s " % topic in topics or _FAILED in payload:
            lines.append(b"%s %s\n" % (topic.encode(), payload))
    lines = [line for line in _lines(path) if line not in lines] + lines
    size = 0
    for line in lines:
        size += len(line)
    first = 0
    while size > _BYTES and first < len(lines):
        size -= len(lines[first])
        first += 1
    try:
        os.mkdir(path.rpartition("/")[0])
    except OSError:
        pass  # it exists; otherwise open() raises
    replace(path, lines[first:])
    return len(lines) - first


async def deliver(path, connection, base, backlog):
    """Publish the stored failures, except those that wait in backlog too; return how many.

    base: the first part of the topics. The file is kept, since it also holds what waits.
    """
    sent = 0
    waiting = [backlog.peek(index)[1] for index in range(len(backlog))]
    for line in _lines(path):
        topic, _, payload = line[:-1].partition(b" ")
        if payload in waiting:
            continue
        connection.publish(base.encode() + topic, payload)
        sent += 1
        if sent % _BATCH == 0:
            await connection.confirm()
    await connection.confirm()
    return sent


def _lines(path):
    """Return the complete lines of the file, as a list of bytes; damaged ones are left out."""
    lines = []
    try:
        with open(path, "rb") as file:
            left = _BYTES
            while left > 0:
                line = file.readline(_LINE)
                if not line:
                    break
                left -= len(line)
                if _sound(line):
                    lines.append(line)
    except OSError:
        pass  # there is no file
    return lines


def _sound(line):
    """Whether a line is complete: a topic and a whole event."""
    topic, _, payload = line.partition(b" ")
    try:
        # Up to MicroPython 1.25, json accepts a text whose last brace is missing.
        whole = bool(topic) and line[-2:] == b"}\n"
        return whole and isinstance(json.loads(payload), dict)
    except ValueError:
        return False
