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
_HEALTHY_S = const(60)  # a run of this length clears the count of failures
_FAILURES_TO_RESET = const(10)  # in a row, of a critical service
_HEAP_MS = const(5_000)  # between two measurements by the beat
_FLASH_MS = const(60_000)  # LittleFS walks its whole tree to count the free blocks
_SHARE = const(200)  # times its own duration: the pause after a measurement; both take 1 % at most
_STOP_MS = const(5_000)  # how long one service may take to clean up
_STEP_MS = const(10)
_HANG_MS = const(4_000)  # longer than any normal step; the watchdog fires 4 s later
_ERROR_CHARS = const(200)
_TRACEBACK_CHARS = const(600)  # its end names the line that failed; MQTT and flash are small


def error_text(error):
    """Return an exception as one line: type and message, at most 200 characters."""
    return " ".join(("%s: %s" % (type(error).__name__, error))[:_ERROR_CHARS].split())


def traceback_text(error):
    """Return the traceback of error as text, at most its last 600 characters."""
    out = io.StringIO()
    sys.print_exception(error, out)
    text = out.getvalue()
    return text if len(text) <= _TRACEBACK_CHARS else "..." + text[-_TRACEBACK_CHARS:]


def report(say, what, error):
    """Print what failed and why, or nothing if there is no memory for it. Never raises."""
    try:
        say("%s: %s" % (what, error_text(error)))
    except Exception:  # no memory, often while an earlier lack of memory is handled
        pass


class _StallQueue(core.IOQueue):
    """asyncio's IO queue, which the loop enters between any two steps of tasks.

    So the time from leaving it to entering it again is one task's step. This finds every stall and
    its task, and needs no task of its own. It allocates only for a new longest step. It must not
    raise: an exception here ends the loop.
    """

    def __init__(self, name_task):
        super().__init__()
        self._name_task = name_task
        self.left = ticks_ms()  # when the current step began; None between steps
        self._looked = False  # True if no step ran since the last wait
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
        # After a sleep the loop asks again with dt 0, before any step: skip that.
        if dt or not self._looked:
            try:
                core.IOQueue.wait_io_event(self, dt)  # super() would allocate an object each time
            except MemoryError:
                # poll calls id(), which takes 16 bytes for addresses from 0x40000000 on
                # (ESP32-C6). Sockets that are ready stay so until the next call.
                pass
        self._looked = dt > 0
        self.left = ticks_ms()


class Supervisor:
    """Runs services until stop(how) is called, then stops them in reverse order.

    status, events: the shared objects. uptime: a callable that returns whole seconds since the
    start. watchdog: an object with feed(), or None. flash: a callable that returns (free, total)
    bytes. remember: a callable that stores a text, or None, across a reset; used by look(). say:
    prints one line, even if no host reads the console.
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
        self.failed = None  # why it reset the board by itself; None if it was asked to
        self._queue = None
        self._remember = remember
        self._print = say
        self._noted = False
        # (when it was measured, milliseconds that it took). The status calls measure().
        self._heap_last = self._flash_last = None
        status.measure = self.measure
        status.give_up = self.give_up

    def stop(self, how):
        """End run(), which then returns how ("reset", "halt" or a reason). Never waits."""
        self._how = self._how or how
        self._stopping.set()

    def give_up(self, why):
        """Reset the board in an orderly way; the next boot reports why. Never waits."""
        self.failed = self.failed or why
        self.stop("reset")

    async def run(self):
        """Start the services in order, supervise them, stop them in reverse; return how."""
        asyncio.get_event_loop().set_exception_handler(self._lost)
        beat = None
        try:
            # Before any task waits on the old queue: it would never be woken.
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
            except MemoryError:  # stop the services all the same
                gc.collect()
            for service, task in reversed(self._keepers):
                try:
                    await self._stop(service, task)
                except MemoryError:  # stop the others all the same
                    gc.collect()
                if self._watchdog:
                    self._watchdog.feed()
            if beat:
                beat.cancel()
            self.status.spare = None  # free the reserve, so that the reason can be stored
            self._queue = None  # look() must ignore what follows
        return self._how

    def look(self, timer=None):
        """Store the name of a task that holds the loop for seconds. Called by a timer.

        In a hang no task runs, and the watchdog resets the board. The next boot reports the stored
        name. It is cleared if the task ends its step in time. This must not touch files: it may
        run in the middle of a write to flash.
        """
        try:
            left = self._queue.left if self._queue else None
            hangs = left is not None and ticks_diff(ticks_ms(), left) >= _HANG_MS
            if hangs != self._noted:
                self._noted = hangs
                self._remember(self._name(core.cur_task) if hangs else None)
        except KeyboardInterrupt:  # the firmware would only print it
            self.stop("interrupt")

    async def _stop(self, service, task):
        """Cancel one service and give it a bounded time to clean up."""
        if not task.done():
            task.cancel()
            began = ticks_ms()
            while not task.done() and ticks_diff(ticks_ms(), began) < _STOP_MS:
                await asyncio.sleep_ms(_STEP_MS)
                if task.data is asyncio.CancelledError:
                    # Ctrl-C came in this task's step and took it out of every queue. cancel() had
                    # no effect, and awaiting the task would never end, so queue it.
                    core._task_queue.push(task)
            try:
                if task.done():
                    await task
            except asyncio.CancelledError:
                pass
            except Exception as error:  # one failed clean-up must not prevent the others
                report(self._print, service.name + " did not stop cleanly", error)
        self._say(service, "stopped")

    async def _keep(self, service):
        """Run one service for ever. Restart it after a growing delay, which has an upper limit."""
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
            except KeyboardInterrupt:  # a person's Ctrl-C: stop the board
                raise
            except BaseException as failed:  # sys.exit(), a CancelledError of its own, ...
                error = failed
            if self._stopping.is_set():
                return  # run() was cancelled, and its clean-up may have raised
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
            except Exception as trouble:  # for example no memory: restarting matters more
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
            error = None  # an exception kept alive would keep its traceback in the heap
            self._say(service, "waiting")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)

    def _report(self, service, error, failures, delay):
        """Report why a service ended, in STAT and as an event."""
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
            self.status.measure(_HEAP_MS, _FLASH_MS, False)  # also reads the application's values
            if self._watchdog and self._alive():
                self._watchdog.feed()
            await asyncio.sleep(1)

    def measure(self, heap_ms=0, flash_ms=0, both=True):
        """Write free heap and flash into the status. heap_ms, flash_ms: how old the values may be.

        both: measure both in one step if both are due. The defaults measure anew, unless the last
        measurement is too recent (_SHARE).
        """
        try:
            self._measure_due(heap_ms, flash_ms, both)
        except Exception as error:  # no memory: the watchdog is fed and STAT answered all the same
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
            self._flash_last = began, 0  # set before the call, which may fail
            flash = self.status.section("flash")
            flash["free_bytes"], flash["total_bytes"] = self._flash()
            self._flash_last = began, ticks_diff(ticks_ms(), began)

    def _due(self, last, every_ms):
        """Whether every_ms have passed, and _SHARE times the last measurement's duration."""
        if last is None:
            return True
        return ticks_diff(ticks_ms(), last[0]) >= max(every_ms, _SHARE * last[1])

    def _alive(self):
        """Whether each critical service runs, is being restarted, or has finished normally."""
        for service, task in self._keepers:
            if service.critical and task.done():
                if self.status.section(service.name)["state"] != "finished":
                    return False
        return True

    def _say(self, service, state):
        self.status.section(service.name)["state"] = state
        try:
            self.events.publish("service/state", service=service.name, state=state)
        except MemoryError:  # STAT shows it
            self.events.failures += 1
            gc.collect()

    def _name(self, task):
        """Return a task's name: its service or its function; "app.pump" if the application's."""
        for service, keeper in self._keepers:
            if keeper is task:
                return service.name
        # The only name that a coroutine has is in its repr: "<generator object 'serve' at 7f...>".
        parts = repr(task.coro).split("'") if task else ()
        if len(parts) < 2:
            return "supervisor"
        for service in self.services:
            if hasattr(sys.modules.get(service.module), parts[1]):
                return "%s.%s" % (service.name, parts[1])
        return parts[1]

    def _lost(self, loop, context):
        """Publish the exception of a task that no other task awaited."""
        error = context["exception"]
        try:
            self.events.publish(
                "task/crash",
                task=self._name(context["future"]),
                error=error_text(error),
                traceback=traceback_text(error),
            )
        except Exception as trouble:  # for example no memory: an exception here would end the loop
            self.events.failures += 1
            report(self._print, "a lost task could not be told", trouble)
