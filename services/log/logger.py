"""Log: events and the application's records, on the console, in memory and in files."""

from time import ticks_add, ticks_diff, ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from hal.console import console
from services.borrow import borrow
from services.log import crash
from services.log.lines import event_text, one_line
from services.service import Service

# However many lines come, the log takes at most 15 KB of heap, usually a fifth of that.
_LINE_CHARS = const(240)
_WAITING_LINES = const(32)  # lines that may come before the task runs
_BATCH_LINES = const(24)  # LittleFS copies half a block for each write
_BURST_LINES = const(8)  # after this many lines, or _BURST_MS, other tasks run
_BURST_MS = const(8)
_CONSOLE_MS = const(5)  # until a full console is tried again
_WRITE_EVERY_MS = const(5_000)  # a power cut loses at most the lines of this time
_ERROR_EVERY_MS = const(500)  # errors are written at once, but at most twice a second
_CRASH_EVERY_S = const(10)
_ENOSPC = const(28)  # MicroPython has neither a name nor a text for this number

# The levels of micropython-lib's logging, and their names, padded to _NAME_CHARS.
_DEBUG = const(10)
_INFO = const(20)
_WARNING = const(30)
_ERROR = const(40)
_NAMES = const(b"DEBUG   INFO    WARNING ERROR   CRITICAL")
_NAME_CHARS = const(8)

# One text: as a dictionary it took 340 bytes more.
_TOPIC_LEVELS = const(
    b" service/restart=4 task/crash=4 service/state=1 config/problem=3 ftp/lockout=3"
    b" network/down=3 network/problem=3 time/failed=3 "
)


def level_name(level):
    """Return the name of a level as bytes. level: 10 to 50."""
    at = (level // 10 - 1) * _NAME_CHARS
    return _NAMES[at : at + _NAME_CHARS].rstrip()


def _level_of(topic, fields):
    """Return an event's level, by its topic and by whether it reports a failure."""
    if topic == "ftp/transfer" and fields.get("event_type") in ("started", "progress"):
        return _DEBUG
    if fields.get("again"):
        return _DEBUG
    wanted = b" %s=" % topic
    at = _TOPIC_LEVELS.find(wanted)
    level = (_TOPIC_LEVELS[at + len(wanted)] - 48) * 10 if at >= 0 else _INFO
    if level == _INFO and (fields.get("ok") is False or fields.get("error")):
        return _WARNING
    return level


class Log(Service):
    """Writes events and records down. A failing file system doesn't stop the other services.

    start.py holds its constructor, whose parameters are its options.
    """

    name = "log"

    def __init__(self, *wired, **options):
        borrow("services.log.start", "make")(self, *wired, **options)

    async def run(self):
        """Print lines as they come; write them to the file in batches, errors at once."""
        # A separate task: a time-out for each wait would make two tasks for each line.
        tasks = [asyncio.create_task(self._write_in_time())]
        if self._syslog:
            tasks.append(asyncio.create_task(self._syslog.run()))
        try:
            while True:
                await self._waiting.wait()
                self._take(_BURST_LINES)
                self._write_if_due()
                while console.waiting:
                    await asyncio.sleep_ms(_CONSOLE_MS)
                    console.flush()
                if self._waiting:  # otherwise wait() lets other tasks run
                    await asyncio.sleep_ms(0)
        finally:
            if self._syslog:
                self._syslog.last_words()
            for task in tasks:
                task.cancel()
            while self._waiting:
                self._take(_WAITING_LINES)
                console.flush()
            self._crash_saved = None
            self._write()

    async def _write_in_time(self):
        """Write waiting lines when they are due, even if no new line comes."""
        while True:
            await asyncio.sleep_ms(_ERROR_EVERY_MS)
            self._write_if_due()

    def _write_if_due(self):
        passed = elapsed(self._written)
        if not self._batch and not self._crash_waits:
            if (
                passed > _WRITE_EVERY_MS
            ):  # asked twice a second, so that ticks can't wrap behind it
                self._written = ticks_add(ticks_ms(), -_WRITE_EVERY_MS)
        elif passed >= (_ERROR_EVERY_MS if self._urgent else _WRITE_EVERY_MS):
            self._write()

    def _event(self, topic, fields):
        """Log an event. On MemoryError, count its line as dropped and raise it again."""
        try:
            self._take_in(topic, fields)
        except MemoryError:
            self._count(1)
            raise

    def _take_in(self, topic, fields):
        """Make a line of an event. The publisher waits, so only a traceback goes to a file."""
        traceback = fields.get("traceback")
        if traceback:
            # Save it now: the board may reset or hang before any task runs again.
            self._keep_crash(traceback)
        if topic == "network/up" and self._syslog:
            self._syslog.renew()
        level = _level_of(topic, fields)
        if level < self._level:
            return
        text = event_text(topic, fields)
        if traceback:
            text += b" at=%s" % (crash.place(traceback) or "?")
        self._add(level_name(level), level, text)

    def _add(self, level_name, level, text):
        """Put a line into the ring and the queue. A full queue drops and counts the oldest.

        level_name, text: str or bytes.
        """
        line = (b"%s %s %s" % (crash.time_text(), level_name, text)).decode()
        if len(line) > _LINE_CHARS:
            line = line[:_LINE_CHARS] + "..."
        self.ring.append(line)
        self._waiting.put(line)
        if self._syslog:
            self._syslog.put(line)
        if level >= _ERROR:
            self._urgent = True

    def _count(self, lost):
        """Show in the status how many lines were dropped, by a full queue or as lost."""
        self._lost += lost
        self.status["dropped"] = self._waiting.dropped + self._lost

    def _take(self, most):
        """Print up to `most` waiting lines, as far as the console accepts them; batch them."""
        dropped = self._waiting.dropped - self._told_dropped
        if dropped:
            self._told_dropped += dropped
            self._put("%s WARNING log dropped=%d" % (crash.time_text(), dropped))
        began = ticks_ms()
        while self._waiting and most and not console.waiting:
            self._put(self._waiting.pop())
            most -= 1
            if ticks_diff(ticks_ms(), began) >= _BURST_MS:
                break
        self._count(0)
        if console.dropped:
            self.status["not_shown"] = console.dropped

    def _put(self, line):
        """Print one line and add it to the batch for the file."""
        console.write(line)
        if self._file:
            self._batch.append(line)
            if len(self._batch) >= _BATCH_LINES:
                self._write()

    def _write(self):
        """Write the batch. On failure, count the lines and show the problem in the status."""
        self._urgent = False
        self._written = ticks_ms()
        if self._crash_waits and self._crash_due():
            self._save_crash()
        if not self._batch:
            return
        batch = self._batch
        self._batch = []
        try:
            self._file.write(batch)
            self.status["problem"] = None
        except Exception as error:
            self._count(len(batch))
            self._show_problem(self._file.path, error)

    def _keep_crash(self, traceback):
        """Save a traceback now, unless it equals the last one or comes within 10 s of it.

        A service that crashes again and again must neither stall the loop nor wear out the flash.
        """
        if traceback == self._crash:
            return
        self._crash = traceback
        if self._crash_due():
            self._save_crash()
        else:
            self._crash_waits = True

    def _crash_due(self):
        saved = self._crash_saved
        return saved is None or uptime() - saved >= _CRASH_EVERY_S

    def _save_crash(self):
        self._crash_waits = False
        self._crash_saved = uptime()
        try:
            crash.save(self._crash)
        except Exception as error:
            self._show_problem(crash.PATH, error)
        self._show_crash()

    def _show_problem(self, path, error):
        if getattr(error, "errno", None) == _ENOSPC:
            error = "no space left"  # cold
        self.status["problem"] = "%s: %s" % (path, error)

    def _show_crash(self):
        kept = crash.load()
        self.status["last_crash"] = one_line(crash.summary(kept)) if kept else None
