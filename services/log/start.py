"""Start: makes the Log from its options; borrowed at boot."""

from collections import deque
from time import ticks_add, ticks_ms

from micropython import const

from services.borrow import borrow
from services.events import Backlog
from services.log.files import RotatingFile
from services.log.logger import level_name

_RING_LINES = const(12)
_WAITING_LINES = const(32)  # lines that may come before the task runs
_WRITE_EVERY_MS = const(5_000)  # as in logger.py
_LEVELS = const((10, 20, 30, 40, 50))  # of micropython-lib's logging


def make(
    self,
    status,
    events,
    site,
    level="INFO",
    path="/log/outpost.log",
    max_bytes=16384,
    keep=2,
    syslog=None,
):
    """Initialize a Log. Here, so that the code is unloaded after the start.

    level: the lowest that is logged. path: the file, or None. max_bytes: of one file. keep: how
    many older files are kept. syslog: udp://host:514 of a collector, or None.
    """
    names = {number: level_name(number).decode() for number in _LEVELS}
    self.status = status.section(self.name)
    self._level = [number for number in _LEVELS if names[number] == level][0]
    self._file = RotatingFile(path, max_bytes, keep) if path else None
    self.ring = deque((), _RING_LINES)
    self._waiting = Backlog(_WAITING_LINES)  # for the console
    self._batch = []  # for the file
    self._written = ticks_add(ticks_ms(), -_WRITE_EVERY_MS)  # the first line is due at once
    self._urgent = False
    self._told_dropped = 0
    self._lost = 0  # lines that the file system refused, or for which there was no memory
    self._crash = None  # the last traceback; next, uptime() when one was saved
    self._crash_saved = None
    self._crash_waits = False
    self.status["path"] = path
    self.status["level"] = level
    self.status["dropped"] = 0
    self._show_crash()
    self._syslog = None
    if syslog:
        from services.log.syslog import Syslog  # loaded only if there is a collector

        host, port = borrow("services.log.options", "collector")(syslog)
        name = status.section("board").get("name", "outpost")
        self._syslog = Syslog(self.status, host, port, name)
    events.subscribe(self._event)
    site.add_rare(("log",), "services.log.commands", self)
    if status.sections.get("app", {}).get("state") != "off":
        # Loaded only if there is an application: services write no records.
        from services.log.records import take

        take(self._add, names, self._level)
