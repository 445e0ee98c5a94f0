"""Outbox: the events that a broker shall hear of, until it has them."""

import json

from micropython import const

from hal import uptime
from services.borrow import borrow
from services.events import Backlog
from services.status import time_text

_OVERHEAD = const(128)  # bytes of a waiting event beside its payload
_RESERVE = const(12)  # the backlog stops growing while less than 1/12 of the heap is free
_KEEP_EVERY_S = const(30)  # failures are written to flash no more often

# Topics, each between blanks: as one text each, where tuples took 0.3 KB more.
_FORWARDED = const(
    b" ftp/transfer ftp/login ftp/lockout ftp/tls command/done config/problem config/proven "
)
# What survives a reset, as transfers do that failed. Not what strangers cause: they shall not
# wear the flash out.
_FAILURES = b" service/restart task/crash board/blackbox update/rolled-back config/reverted "
_FORWARDED_ALL_OF = const(("update/", "app/"))
_KEEPER = const("services.telemetry.spill")
_KEPT = const("/log/spill.txt")


class Outbox:
    """Numbers events, and holds them in a bounded backlog; delivery.py delivers them.

    size: how many wait at most; fewer where the heap is short. base: the topics' first part,
    with its slash. status: telemetry's own section, sections: all of them.
    """

    def __init__(self, size, base, status, sections):
        self._backlog = Backlog(size)
        self._base = base + "event/"
        self._status = status
        self._board = sections["board"]
        self._clock = sections["time"]
        self._heap = sections["heap"]
        self._free = None  # bytes of heap at the last measurement, and what was queued since then
        self._queued = 0
        self._seq = 0
        self._lost = 0  # events that found no memory
        self._unkept = False  # a failure waits that flash doesn't know
        self._kept_at = -_KEEP_EVERY_S
        status.update({"waiting": 0, "dropped": 0, "sent": 0, "kept": 0})

    def __len__(self):
        return len(self._backlog)

    def put(self, topic, fields):
        """Queue an event, unless it is none that the broker shall hear of; whether it was.

        MemoryError, and it is counted as dropped.
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
            return False  # news only while it is fresh: it shall not push out what matters
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
        if failure:
            self._unkept = True
        self._count()
        return True

    def _count(self):
        """Show how many events wait, and how many will never come."""
        self._status["waiting"] = len(self._backlog)
        self._status["dropped"] = self._backlog.dropped + self._lost

    def shed(self):
        """Drop the older half of what waits, counted: it takes the memory that delivering needs.

        Else a backlog that filled while the broker was away could keep the board offline for ever.
        """
        self.keep(True)
        backlog = self._backlog
        for _ in range((len(backlog) + 1) // 2):
            backlog.drop()
        self._count()

    def keep(self, at_once=False):
        """Have flash keep the failures that wait; never raises."""
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
        """Whether size more bytes may wait, by what the supervisor measured last."""
        free = self._heap.get("free_bytes")
        if free is None:
            return True  # not measured yet: the board has just started
        if free != self._free:
            self._free = free
            self._queued = 0
        self._queued += size
        return (free - self._queued) * _RESERVE >= self._heap["total_bytes"]
