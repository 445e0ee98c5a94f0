"""The supervisor: starts the services, restarts what fails, watches the loop, stops in order."""

import gc
import io
import os
import sys
from time import ticks_diff, ticks_ms

import asyncio
from asyncio import core
from micropython import const

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_HEALTHY_MS = const(60_000)  # a run of this length forgives the failures before it
_FAILURES_TO_RESET = const(10)  # in a row, of a critical service
_FLASH_EVERY_S = const(10)  # LittleFS walks its whole tree to count the free blocks
_STOP_MS = const(5_000)  # how long one service may take to clean up
_STEP_MS = const(10)
_HANG_MS = const(4_000)  # no step takes so long, and the watchdog waits for as long again
_TRACEBACK_CHARS = const(600)  # its end names the line that failed; MQTT and flash are small


def error_text(error):
    """An exception as one line: its type and what it says."""
    return "%s: %s" % (type(error).__name__, error)


def traceback_text(error):
    """The traceback of error as text, its last 600 characters at most."""
    out = io.StringIO()
    sys.print_exception(error, out)
    text = out.getvalue()
    return text if len(text) <= _TRACEBACK_CHARS else "..." + text[-_TRACEBACK_CHARS:]


class _StallQueue(core.IOQueue):
    """asyncio's IO queue, which the loop enters between any two steps of tasks.

    So the time between leaving it and entering it again is one task's step: the only place
    that sees every stall and knows who caused it, without a task of its own. Allocates
    nothing but when there is a new longest step.
    """

    def __init__(self, name_task):
        super().__init__()
        self._name_task = name_task
        self.left = ticks_ms()  # when a step began; None between two
        self._looked = False  # just now: no step since then
        self.longest_ms = 0
        self.by = None

    def wait_io_event(self, dt):
        held = ticks_diff(ticks_ms(), self.left)
        if held > self.longest_ms:
            self.longest_ms = held
            self.by = self._name_task(core.cur_task)
        self.left = None
        # The loop asks again, with 0, as soon as it has slept: it has just been told.
        if dt or not self._looked:
            core.IOQueue.wait_io_event(self, dt)  # super() would be an object each time
        self._looked = dt > 0
        self.left = ticks_ms()


class Supervisor:
    """Runs services until stop(how) is called, then stops them in reverse order.

    status, events: the shared objects. watchdog: an object with feed(), or None. flash:
    a callable that returns (free, total) bytes. ticks: milliseconds that may wrap, for tests.
    note: a path for look().
    """

    def __init__(
        self, services, status, events, watchdog=None, flash=None, ticks=ticks_ms, note=None
    ):
        self.services = services
        self.status = status
        self.events = events
        self._watchdog = watchdog
        self._flash = flash
        self._ticks = ticks
        self._keepers = []  # (service, task) in the order of starting
        self._stopping = asyncio.Event()
        self._how = None
        self.failed = None  # why it gave up and stopped the board; None: it was asked to
        self._queue = None
        self._note = note
        self._noted = False

    def stop(self, how):
        """End run(), which then returns how ("reset", "halt" or a reason). Never waits."""
        self._how = self._how or how
        self._stopping.set()

    async def run(self):
        """Start the services in order, watch over them, stop them in reverse; return how."""
        asyncio.get_event_loop().set_exception_handler(self._lost)
        beat = None
        try:
            # Before anything waits on the old one: a waiting task would never be woken.
            self._queue = core._io_queue = _StallQueue(self._name)
            for service in self.services:
                self._say(service, "starting")
                task = asyncio.create_task(self._keep(service))
                self._keepers.append((service, task))
                await asyncio.sleep_ms(0)
            beat = asyncio.create_task(self._beat())
            await self._stopping.wait()
        finally:
            self.events.publish("board/stop", how=self._how or "interrupt")
            for service, task in reversed(self._keepers):
                await self._stop(service, task)
                if self._watchdog:
                    self._watchdog.feed()
            if beat:
                beat.cancel()
            self._queue = None  # look() has nothing to look at
        return self._how

    def look(self, timer=None):
        """Note in a file who holds the loop, when that is for seconds; for a timer's interrupt.

        In a hang no task runs, and the watchdog resets without a word: the next boot tells what
        is in the note. Of who lets go in time the note is removed.
        """
        left = self._queue.left if self._queue else None
        hangs = left is not None and ticks_diff(ticks_ms(), left) >= _HANG_MS
        if hangs == self._noted:
            return
        self._noted = hangs
        try:
            if hangs:
                with open(self._note, "w") as file:
                    file.write(self._name(core.cur_task))
            else:
                os.remove(self._note)
        except Exception as error:  # a full disk or heap: then nobody knows
            print("supervisor: who hangs could not be noted:", error_text(error))

    async def _stop(self, service, task):
        """Cancel one service and give it a bounded time to clean up."""
        if not task.done():
            task.cancel()
            began = ticks_ms()
            while not task.done() and ticks_diff(ticks_ms(), began) < _STOP_MS:
                await asyncio.sleep_ms(_STEP_MS)
                if task.data is asyncio.CancelledError:
                    # Ctrl-C came in the middle of its step. That took it out of every queue, so
                    # cancel() reached nobody, and who awaits it waits for ever.
                    core._task_queue.push(task)
            try:
                if task.done():
                    await task
            except asyncio.CancelledError:
                pass
            except Exception as error:  # a clean-up that fails must not keep the others up
                print("supervisor: %s did not stop cleanly: %s" % (service.name, error))
        self._say(service, "stopped")

    async def _keep(self, service):
        """Run one service for ever: restart it with a capped, growing delay, never give up."""
        section = self.status.section(service.name)
        section["restarts"] = 0
        delay = _FIRST_DELAY_S
        failures = 0
        while True:
            began = ticks_ms()
            error = None
            self._say(service, "running")
            try:
                await service.run()
            except Exception as failed:
                error = failed
            if self._stopping.is_set():
                return  # what a clean-up raises takes the place of the cancellation
            if error is None and service.restart != "always":
                self._say(service, "finished")
                return
            if ticks_diff(ticks_ms(), began) >= _HEALTHY_MS:
                delay = _FIRST_DELAY_S
                failures = 0
            failures += 1
            section["restarts"] += 1
            try:
                self._report(service, error, failures, delay)
            except Exception as trouble:  # out of memory, say: restarting matters more
                print("supervisor: could not report %s: %s" % (service.name, trouble))
            if service.restart == "no":
                self._say(service, "failed")
                return
            if service.critical and failures >= _FAILURES_TO_RESET:
                self.failed = "%s: %s" % (service.name, section.get("error"))
                self.stop("reset")
            error = None  # a kept exception keeps its traceback's heap
            self._say(service, "waiting")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)

    def _report(self, service, error, failures, delay):
        """Tell why a service ended, to STAT and to whoever listens."""
        text = error_text(error) if error else "ended"
        self.status.section(service.name)["error"] = text
        self.events.publish(
            "service/restart",
            service=service.name,
            error=text,
            traceback=traceback_text(error) if error else None,
            failures=failures,
            delay_s=delay,
        )

    async def _beat(self):
        """Each second: count uptime, collect garbage, say what is left, feed the watchdog."""
        board = self.status.section("board")
        up_ms = 0
        last = self._ticks()
        while True:
            # Uptime is the sum of short differences: ticks wrap, and the clock may be set.
            now = self._ticks()
            up_ms += ticks_diff(now, last)
            last = now
            board["uptime_s"] = up_ms // 1000
            try:
                self._measure(up_ms // 1000)
            except Exception as error:  # a full heap must not stop the watchdog's food
                print("supervisor: could not measure: %s" % error_text(error))
            if self._watchdog and self._alive():
                self._watchdog.feed()
            await asyncio.sleep(1)

    def _measure(self, second):
        """Collect garbage and write what the board has left into the status."""
        gc.collect()
        heap = self.status.section("heap")
        heap["free_bytes"] = gc.mem_free()
        heap["total_bytes"] = gc.mem_free() + gc.mem_alloc()
        loop = self.status.section("loop")
        loop["longest_stall_ms"] = self._queue.longest_ms
        loop["by"] = self._queue.by
        if self._flash and second % _FLASH_EVERY_S == 0:
            flash = self.status.section("flash")
            flash["free_bytes"], flash["total_bytes"] = self._flash()

    def _alive(self):
        """True while each critical service runs, is being restarted, or has finished well."""
        for service, task in self._keepers:
            if service.critical and task.done():
                if self.status.section(service.name)["state"] != "finished":
                    return False
        return True

    def _say(self, service, state):
        self.status.section(service.name)["state"] = state
        self.events.publish("service/state", service=service.name, state=state)

    def _name(self, task):
        """Who a task is: its service, or the function that it runs."""
        for service, keeper in self._keepers:
            if keeper is task:
                return service.name
        # "<generator object 'serve' at 7f...>": the only name that a coroutine has.
        parts = repr(task.coro).split("'") if task else ()
        return parts[1] if len(parts) > 1 else "supervisor"

    def _lost(self, loop, context):
        """A task that nobody awaited ended with an exception: an event, never silence."""
        error = context["exception"]
        try:
            self.events.publish(
                "task/crash",
                task=self._name(context["future"]),
                error=error_text(error),
                traceback=traceback_text(error),
            )
        except Exception as trouble:  # out of memory, say: it would end the loop
            print("supervisor: could not report a lost task:", trouble)
