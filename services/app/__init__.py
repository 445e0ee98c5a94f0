"""The user's own application as a service: if it crashes, FTP goes on."""

import asyncio

from services.app import memory
from services.app.values import SafeEvents, SafeStatus, text_of
from services.borrow import borrow
from services.service import Service


class App(Service):
    """Runs `await module.run(outpost)` of the user's module, and again after a failure.

    A run() with two parameters gets status and events instead. settings: the application's own
    part of config.json. low_heap_s: how long FTP may lack memory before the application is
    stopped, see memory.py.
    """

    name = "app"
    restart = "on-failure"

    def __init__(self, status, events, site, module, low_heap_s=30, settings=None):
        self.status = status
        self.settings = settings or {}
        self.hears = None  # the application's handler of commands
        self.events = SafeEvents(events, self.called)
        self.safe = None
        self.module = module
        self.loaded = ()  # names of the modules that its module has imported
        self.low_heap_ms = low_heap_s * 1000
        self.low_since = None  # ticks_ms() when memory ran short, or None
        self.stopped_at = None  # the free heap when it was stopped for lack of memory
        self.hung = None  # number of its runs that the watchdog ended, see hung.py
        self.watched = None  # number of the current run, or None; its task would be kept alive
        self.task = None  # task of the current run
        self.raised = None  # an exception of the application's own tasks that ended the run
        self._runs = 0
        self._interrupt = None
        status.outlives = self.outlives
        site.add_rare(("app",), "services.app.hung", self)
        site.add_rare(("tell",), "services.app.interface", self)

    async def run(self):
        """Import the module and await its run(). Raises what that raises."""
        if not self.safe:  # not earlier: the supervisor must have set status.measure
            self.safe = SafeStatus(self.status, self.name)
        if self.hung is None:
            self.hung = borrow("services.app.hung", "count")(self)
        if self.hung:
            await borrow("services.app.hung", "allowed")(self)
        if self._runs:  # objects that the last run left behind may still fill the heap
            await memory.settled(self)
        self.status.section(self.name).pop("problem", None)
        self._runs += 1
        self.watched = self._runs
        self.raised = None
        self.task = asyncio.current_task()
        asyncio.create_task(memory.watch(self, self.task))
        try:
            loaded = memory.load(self)
            await self._begun(loaded.run)
        except KeyboardInterrupt as error:
            self.told_to_stop(error)
        except (Exception, asyncio.CancelledError):
            if self.stopped_at is None and not self.raised:
                raise
        finally:
            self.task = None
            # memory.watch() checks this and ends. Cancelling it would need asyncio's queue, which
            # an application may have broken.
            self.watched = None
            self.hears = None
        if self.stopped_at is not None:
            loaded = None
            raise memory.let_go(self)
        if self.raised:
            error, self.raised = self.raised, None
            raise error

    def _begun(self, run):
        """Return the awaitable of the application's run, called with two arguments or one."""
        try:
            return run(self.safe, self.events)
        except TypeError as error:
            outpost = borrow("services.app.interface", "Outpost")(self)
            try:
                return run(outpost)
            except TypeError:
                raise error

    def called(self, call, *given):
        """Return what a handler of the application returns. Raises only Exceptions.

        A SystemExit would end the board's loop, and a CancelledError the session that caused the
        call. STAT shows the error as `problem`; for a command, the operator gets it as the reply.
        """
        try:
            return call(*given)
        except BaseException as error:
            kind = type(error).__name__
            if call != self.hears:
                self.status.section(self.name)["problem"] = text_of("%s: %s" % (kind, error))
            if isinstance(error, KeyboardInterrupt):
                self.told_to_stop(error)
            if isinstance(error, Exception):
                raise
            raise RuntimeError("%s: %s" % (kind, error))

    def outlives(self, error):
        """Whether error, which ended the board's loop, came from a task of the application.

        If so, the application is ended, and the loop may run again. Never raises.
        """
        try:
            return borrow("services.app.tasks", "ended")(self, error)
        except Exception:  # for example no memory: then treat error as fatal
            return False

    def told_to_stop(self, error):
        """Raise RuntimeError in place of the application's own KeyboardInterrupt.

        A port raises the same object at each Ctrl-C, while each `raise` of an application makes a
        new one. So the first KeyboardInterrupt may be either. If the same object comes again, it
        is a person's Ctrl-C, and is raised.
        """
        if error is self._interrupt:
            raise error
        if not self._interrupt:
            self._interrupt = error  # keep a reference, so that no other object gets its address
        raise RuntimeError("KeyboardInterrupt; where it was Ctrl-C: once more stops the board")
