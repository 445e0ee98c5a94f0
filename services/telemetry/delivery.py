"""Delivery: sends the events of the Outbox to the broker; loaded with a connection."""

import os

from micropython import const

from services.borrow import borrow

_BATCH = const(8)  # events in one write: about 1.5 KB of heap
_KEEPER = const("services.telemetry.spill")
_KEPT = const("/log/spill.txt")  # as in outbox.py


async def deliver(self, connection):
    """Publish the oldest waiting events; they leave the backlog once the broker has them."""
    backlog = self._backlog
    count = min(len(backlog), _BATCH)
    for index in range(count):
        topic, payload = backlog.peek(index)
        connection.publish((self._base + topic).encode(), payload)
    dropped = backlog.dropped
    await connection.confirm()
    # If the backlog was full meanwhile, it dropped the oldest events, which were just sent.
    for _ in range(count - (backlog.dropped - dropped)):
        backlog.pop()
    self._status["sent"] += count
    self._status["waiting"] = len(backlog)
    if not backlog:
        self._unkept = False


async def deliver_kept(self, connection):
    """Publish the failures stored on flash; return whether there were any."""
    try:
        os.stat(_KEPT)
    except OSError:
        return False
    deliver = borrow(_KEEPER, "deliver")
    self._status["sent"] += await deliver(_KEPT, connection, self._base, self._backlog)
    return True


def forget_kept(self):
    """Delete the stored failures, once all are delivered."""
    try:
        os.remove(_KEPT)
        self._status["kept"] = 0
    except OSError as error:
        self._status["problem"] = "%s: %s" % (_KEPT, error)
