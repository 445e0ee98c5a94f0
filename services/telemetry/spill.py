"""Failures that no broker has heard of, kept on flash through a reset; borrowed when needed.

A line of the file is the topic, a space, and the event as it will be published.
"""

import json
import os

from micropython import const

from hal.files import replace

_BYTES = const(4096)  # a block of the flash
_LINE = const(2048)
_BATCH = const(4)  # lines in one write to the broker
_FAILED = const(b'"event_type": "failed"')  # quotes within a text are escaped: nobody can forge it


def keep(path, backlog, topics):
    """Write the failures that wait in backlog behind what is there; return how many are kept.

    Failures are failed transfers and what topics name: bytes, each between blanks. Where the
    file would grow beyond 4 KiB, the oldest go. OSError where the file system won't.
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
        pass  # it is there; else open() says what is wrong
    replace(path, lines[first:])
    return len(lines) - first


async def deliver(path, connection, base, backlog):
    """Publish what is kept, but for what waits in backlog too; return how many there were.

    base: the first part of the topics. The file stays, for the sake of what waits.
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
    """The whole lines of the file, as a list of bytes; what is damaged is left out."""
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
        pass  # none is there
    return lines


def _sound(line):
    """Whether a line is whole: a topic and an event, to its end."""
    topic, _, payload = line.partition(b" ")
    try:
        # Up to MicroPython 1.25 json takes the end of a text for a brace.
        whole = bool(topic) and line[-2:] == b"}\n"
        return whole and isinstance(json.loads(payload), dict)
    except ValueError:
        return False
