"""The user's own application as a service: when it crashes, FTP stays up."""

import asyncio

from services.app import memory
from services.app.values import SafeEvents, SafeStatus, text_of
from services.borrow import borrow
from services.service import Service


class App(Service):
    """Runs `await module.run(outpost)` of the user's module, again whenever it fails.

    What takes two arguments is given status and events. settings: the application's own, of
    config.json. low_heap_s: how long FTP may find no memory until the application is stopped, see
    memory.py.
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
        self.loaded = ()  # the names of what its module has imported
        self.low_heap_ms = low_heap_s * 1000
        self.low_since = None  # when memory ran short, as ticks_ms() says
        self.stopped_at = None  # the free heap when it was stopped for want of memory
        self.hung = None  # how many of its runs the watchdog has ended, see hung.py
        self.watched = None  # which one of its runs, while there is one; its task would hold it
        self.task = None  # of that run
        self.raised = None  # what a task of the application's own has ended that run by
        self._runs = 0
        self._interrupt = None
        status.outlives = self.outlives
        site.add_rare(("app",), "services.app.hung", self)
        site.add_rare(("tell",), "services.app.interface", self)

    async def run(self):
        """Import the module and await its run(); raises what that raises."""
        if not self.safe:  # not before the supervisor has set what measures
            self.safe = SafeStatus(self.status, self.name)
        if self.hung is None:
            self.hung = borrow("services.app.hung", "count")(self)
        if self.hung:
            await borrow("services.app.hung", "allowed")(self)
        if self._runs:  # what it has left behind may hold the heap
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
            # The watch sees it. To cancel the watch takes asyncio's queue, which an application
            # may have broken.
            self.watched = None
            self.hears = None
        if self.stopped_at is not None:
            loaded = None
            raise memory.let_go(self)
        if self.raised:
            error, self.raised = self.raised, None
            raise error

    def _begun(self, run):
        """The application's run, to be awaited, with as many arguments as it takes."""
        try:
            return run(self.safe, self.events)
        except TypeError as error:
            outpost = borrow("services.app.interface", "Outpost")(self)
            try:
                return run(outpost)
            except TypeError:
                raise error

    def called(self, call, *given):
        """What a handler of the application returns; what it raises is an Exception for all.

        A SystemExit would end the board's loop, a CancelledError the session in which something
        happened. STAT shows it as `problem`; of a command the operator is told.
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
        """Whether error, which ended the board's loop, came from a task of the application's own.

        The application ends by it, and the loop may run again. Never raises.
        """
        try:
            return borrow("services.app.tasks", "ended")(self, error)
        except Exception:  # no memory for it: the board's life ends by that error
            return False

    def told_to_stop(self, error):
        """Raise RuntimeError in place of the application's own KeyboardInterrupt.

        A port raises one and the same object at each Ctrl-C. So the first one that comes out of
        the application may be a person's or its own; where the same one comes again, it is a
        person's. Anything else is the application's: each `raise` makes a new one.
        """
        if error is self._interrupt:
            raise error
        if not self._interrupt:
            self._interrupt = error  # kept, so that no other one can have its address
        raise RuntimeError("KeyboardInterrupt; where it was Ctrl-C: once more stops the board")
