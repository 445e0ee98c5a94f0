"""The supervisor: starts the services, restarts what fails, watches the loop, stops in order."""

import gc
import io
import sys
from time import ticks_diff, ticks_ms

import asyncio
from asyncio import core
from micropython import const

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_HEALTHY_S = const(60)  # a run of this length forgives the failures before it
_FAILURES_TO_RESET = const(10)  # in a row, of a critical service
_HEAP_MS = const(5_000)  # between two measurements that nobody asked for
_FLASH_MS = const(60_000)  # LittleFS walks its whole tree to count the free blocks
_SHARE = const(200)  # each waits so many times what it took: both together 1 % of the time at most
_STOP_MS = const(5_000)  # how long one service may take to clean up
_STEP_MS = const(10)
_HANG_MS = const(4_000)  # no step takes so long, and the watchdog waits for as long again
_ERROR_CHARS = const(200)
_TRACEBACK_CHARS = const(600)  # its end names the line that failed; MQTT and flash are small


def error_text(error):
    """An exception as one line: its type and what it says, 200 characters at most."""
    return " ".join(("%s: %s" % (type(error).__name__, error))[:_ERROR_CHARS].split())


def traceback_text(error):
    """The traceback of error as text, its last 600 characters at most."""
    out = io.StringIO()
    sys.print_exception(error, out)
    text = out.getvalue()
    return text if len(text) <= _TRACEBACK_CHARS else "..." + text[-_TRACEBACK_CHARS:]


def report(say, what, error):
    """Say what failed and why; nothing where the heap has no room even for that. Never raises."""
    try:
        say("%s: %s" % (what, error_text(error)))
    except Exception:  # a second lack of memory, in the answer to the first
        pass


class _StallQueue(core.IOQueue):
    """asyncio's IO queue, which the loop enters between any two steps of tasks.

    So the time between leaving it and entering it again is one task's step: the only place
    that sees every stall and knows who caused it, without a task of its own. Allocates
    nothing but when there is a new longest step, and raises nothing then: what is raised here ends
    the loop, and with it the board's life.
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
            try:
                self.by = self._name_task(core.cur_task)
            except MemoryError:
                self.by = None
        self.left = None
        # The loop asks again, with 0, as soon as it has slept: it has just been told.
        if dt or not self._looked:
            try:
                core.IOQueue.wait_io_event(self, dt)  # super() would be an object each time
            except MemoryError:
                # For id(), of an address from 0x40000000 on (an ESP32-C6's), it takes 16 bytes.
                # Whoever is ready is so in the next turn, too.
                pass
        self._looked = dt > 0
        self.left = ticks_ms()


class Supervisor:
    """Runs services until stop(how) is called, then stops them in reverse order.

    status, events: the shared objects. uptime: a callable that returns whole seconds since the
    start. watchdog: an object with feed(), or None. flash: a callable that returns (free, total)
    bytes. remember: a callable that keeps a text, or None, through a reset; for look(). say:
    prints one line, whether or not anybody reads the console.
    """

    def __init__(
        self,
        services,
        status,
        events,
        uptime,
        watchdog=None,
        flash=None,
        remember=None,
        say=print,
    ):
        self.services = services
        self.status = status
        self.events = events
        self._watchdog = watchdog
        self._flash = flash
        self._uptime = uptime
        self._keepers = []  # (service, task) in the order of starting
        self._stopping = asyncio.Event()
        self._how = None
        self.failed = None  # why it gave up and stopped the board; None: it was asked to
        self._queue = None
        self._remember = remember
        self._print = say
        self._noted = False
        # When each was measured, and the milliseconds it took; asked for through the status.
        self._heap_last = self._flash_last = None
        status.measure = self.measure
        status.give_up = self.give_up

    def stop(self, how):
        """End run(), which then returns how ("reset", "halt" or a reason). Never waits."""
        self._how = self._how or how
        self._stopping.set()

    def give_up(self, why):
        """Reset the board in an orderly way; the next boot knows why. Never waits."""
        self.failed = self.failed or why
        self.stop("reset")

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
            try:
                self.events.publish("board/stop", how=self._how or "interrupt")
            except MemoryError:  # the services are stopped all the same
                gc.collect()
            for service, task in reversed(self._keepers):
                try:
                    await self._stop(service, task)
                except MemoryError:  # the others are stopped all the same
                    gc.collect()
                if self._watchdog:
                    self._watchdog.feed()
            if beat:
                beat.cancel()
            self.status.spare = None  # the reserve: for the note of how this life ended
            self._queue = None  # look() has nothing to look at
        return self._how

    def look(self, timer=None):
        """Have it remembered who holds the loop, when that is for seconds; for a timer's callback.

        In a hang no task runs, and the watchdog resets without a word: the next boot tells what
        was remembered. A task that lets go in time is forgotten. No file is touched: a callback
        may run in the middle of a write to flash.
        """
        try:
            left = self._queue.left if self._queue else None
            hangs = left is not None and ticks_diff(ticks_ms(), left) >= _HANG_MS
            if hangs != self._noted:
                self._noted = hangs
                self._remember(self._name(core.cur_task) if hangs else None)
        except KeyboardInterrupt:  # the firmware would print it, and go on
            self.stop("interrupt")

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
                report(self._print, service.name + " did not stop cleanly", error)
        self._say(service, "stopped")

    async def _keep(self, service):
        """Run one service for ever: restart it with a capped, growing delay, never give up."""
        section = self.status.section(service.name)
        section["restarts"] = 0
        delay = _FIRST_DELAY_S
        failures = 0
        while True:
            began = self._uptime()
            error = None
            self._say(service, "running")
            try:
                await service.run()
            except KeyboardInterrupt:  # a person's Ctrl-C: the board is to stop
                raise
            except BaseException as failed:  # a CancelledError that nobody sent, sys.exit(), ...
                error = failed
            if self._stopping.is_set():
                return  # what a clean-up raises takes the place of the cancellation
            if error is None and service.restart != "always":
                self._say(service, "finished")
                return
            if self._uptime() - began >= _HEALTHY_S:
                delay = _FIRST_DELAY_S
                failures = 0
            failures += 1
            section["restarts"] += 1
            try:
                self._report(service, error, failures, delay)
            except Exception as trouble:  # out of memory, say: restarting matters more
                self.events.failures += 1
                report(self._print, "a service's end could not be told", trouble)
            if service.restart == "no":
                self._say(service, "failed")
                return
            if service.critical and failures >= _FAILURES_TO_RESET:
                try:
                    self.give_up("%s: %s" % (service.name, section.get("error")))
                except MemoryError:
                    self.give_up(service.name)
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
        """Each second: count uptime, measure what is due, feed the watchdog."""
        board = self.status.section("board")
        while True:
            board["uptime_s"] = self._uptime()
            if self.events.failures:
                board["lost_events"] = self.events.failures
            self.status.measure(_HEAP_MS, _FLASH_MS, False)  # the application's values too
            if self._watchdog and self._alive():
                self._watchdog.feed()
            await asyncio.sleep(1)

    def measure(self, heap_ms=0, flash_ms=0, both=True):
        """Write what the board has left into the status; heap_ms, flash_ms: how old it may be.

        both: in one step, where both are due. By default as for somebody who asks: anew, unless
        it is too soon after the last time.
        """
        try:
            self._measure_due(heap_ms, flash_ms, both)
        except Exception as error:  # a full heap must not stop the watchdog's food, nor a STAT
            report(self._print, "heap and flash could not be measured", error)

    def _measure_due(self, heap_ms, flash_ms, both):
        if self._queue:
            loop = self.status.section("loop")
            loop["longest_stall_ms"] = self._queue.longest_ms
            loop["by"] = self._queue.by
        if self._due(self._heap_last, heap_ms):
            began = ticks_ms()
            gc.collect()
            heap = self.status.section("heap")
            heap["free_bytes"] = free = gc.mem_free()
            heap["total_bytes"] = free + gc.mem_alloc()
            self._heap_last = began, ticks_diff(ticks_ms(), began)
            if not both:
                return
        if self._flash and self._due(self._flash_last, flash_ms):
            began = ticks_ms()
            self._flash_last = began, 0  # also where it fails
            flash = self.status.section("flash")
            flash["free_bytes"], flash["total_bytes"] = self._flash()
            self._flash_last = began, ticks_diff(ticks_ms(), began)

    def _due(self, last, every_ms):
        """Whether it is every_ms since the last time, and long enough for what that took."""
        if last is None:
            return True
        return ticks_diff(ticks_ms(), last[0]) >= max(every_ms, _SHARE * last[1])

    def _alive(self):
        """True while each critical service runs, is being restarted, or has finished well."""
        for service, task in self._keepers:
            if service.critical and task.done():
                if self.status.section(service.name)["state"] != "finished":
                    return False
        return True

    def _say(self, service, state):
        self.status.section(service.name)["state"] = state
        try:
            self.events.publish("service/state", service=service.name, state=state)
        except MemoryError:  # STAT has it
            self.events.failures += 1
            gc.collect()

    def _name(self, task):
        """Who a task is: its service, or the function that it runs, "app.pump" if a user's."""
        for service, keeper in self._keepers:
            if keeper is task:
                return service.name
        # "<generator object 'serve' at 7f...>": the only name that a coroutine has.
        parts = repr(task.coro).split("'") if task else ()
        if len(parts) < 2:
            return "supervisor"
        for service in self.services:
            if hasattr(sys.modules.get(service.module), parts[1]):
                return "%s.%s" % (service.name, parts[1])
        return parts[1]

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
            self.events.failures += 1
            report(self._print, "a lost task could not be told", trouble)
