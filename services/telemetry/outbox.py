"""Outbox: holds the events for the broker until the broker has them."""

import json

from micropython import const

from hal import uptime
from services.borrow import borrow
from services.events import Backlog
from services.status import time_text

_OVERHEAD = const(128)  # bytes that a waiting event takes beside its payload
_RESERVE = const(12)  # the backlog stops growing while less than 1/12 of the heap is free
_KEEP_EVERY_S = const(30)  # failures are written to flash at most this often

# Topics, each between spaces. One text, because tuples took 0.3 KB more.
_FORWARDED = const(
    b" ftp/transfer ftp/login ftp/lockout ftp/tls command/done config/problem config/proven "
)
# Stored on flash across a reset, like failed transfers. Not what clients without login cause: they
# could wear out the flash.
_FAILURES = b" service/restart task/crash board/blackbox update/rolled-back config/reverted "
_FORWARDED_ALL_OF = const(("update/", "app/"))
_KEEPER = const("services.telemetry.spill")
_KEPT = const("/log/spill.txt")


class Outbox:
    """Numbers events and holds them in a bounded backlog; delivery.py sends them.

    size: how many wait at most; fewer if the heap is short. base: the first part of the topics,
    with its slash. status: telemetry's own section. sections: all sections.
    """

    def __init__(self, size, base, status, sections):
        self._backlog = Backlog(size)
        self._base = base + "event/"
        self._status = status
        self._board = sections["board"]
        self._clock = sections["time"]
        self._heap = sections["heap"]
        self._free = None  # free heap at the last measurement; next, bytes queued since then
        self._queued = 0
        self._seq = 0
        self._lost = 0  # events for which there was no memory
        self._unkept = False  # a waiting failure is not yet on flash
        self._kept_at = -_KEEP_EVERY_S
        status.update({"waiting": 0, "dropped": 0, "sent": 0, "kept": 0})

    def __len__(self):
        return len(self._backlog)

    def put(self, topic, fields):
        """Queue an event if it is for the broker; return whether it is.

        Raises MemoryError, and counts the event as dropped.
        """
        try:
            return self._put(topic, fields)
        except MemoryError:
            self._lost += 1
            self._count()
            raise

    def _put(self, topic, fields):
        word = b" %s " % topic
        failure = word in _FAILURES or fields.get("event_type") == "failed"
        if not failure and word not in _FORWARDED and not topic.startswith(_FORWARDED_ALL_OF):
            return False
        backlog = self._backlog
        status = self._status
        if fields.get("event_type") == "progress" and (
            not status["connected"] or len(backlog) * 2 > backlog.size
        ):
            return False  # progress is only useful at once, and must not displace other events
        self._seq += 1
        event = {"event_type": topic.rsplit("/", 1)[-1]}
        event.update(fields)
        event["seq"] = self._seq
        event["boot"] = self._board.get("boots", 0)
        event["time"] = time_text() if self._clock.get("set") else None
        payload = json.dumps(event).encode()
        if not self._fits(len(payload) + _OVERHEAD):
            backlog.drop()  # memory is short: the backlog must not grow
        backlog.put((topic, payload))
        if failure:
            self._unkept = True
        self._count()
        return True

    def _count(self):
        """Show how many events wait, and how many are lost."""
        self._status["waiting"] = len(self._backlog)
        self._status["dropped"] = self._backlog.dropped + self._lost

    def shed(self):
        """Drop and count the older half of the backlog, to free the memory that delivering needs.

        Otherwise a backlog that grew while the broker was away could keep the board offline for
        ever.
        """
        self.keep(True)
        backlog = self._backlog
        for _ in range((len(backlog) + 1) // 2):
            backlog.drop()
        self._count()

    def keep(self, at_once=False):
        """Write the waiting failures to flash. Never raises."""
        if not self._unkept or (uptime() - self._kept_at < _KEEP_EVERY_S and not at_once):
            return
        self._kept_at = uptime()
        self._unkept = False
        try:
            self._status["kept"] = borrow(_KEEPER, "keep")(_KEPT, self._backlog, _FAILURES)
            self._status["problem"] = None
        except (OSError, MemoryError) as error:
            self._status["problem"] = "%s: %s" % (_KEPT, error)

    def _fits(self, size):
        """Whether size more bytes may wait, according to the supervisor's last measurement."""
        free = self._heap.get("free_bytes")
        if free is None:
            return True  # not measured yet: the board has just started
        if free != self._free:
            self._free = free
            self._queued = 0
        self._queued += size
        return (free - self._queued) * _RESERVE >= self._heap["total_bytes"]
