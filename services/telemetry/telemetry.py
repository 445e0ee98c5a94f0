"""Telemetry: the service that publishes the board's status and events to an MQTT broker."""

from time import ticks_ms

import asyncio
from micropython import const

from hal import elapsed, uptime
from services.borrow import borrow, forget
from services.service import Service
from services.telemetry.outbox import Outbox as Outbox  # stays loaded; start.py makes one

_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_LOOK_MS = const(200)
_STEADY_S = const(10)  # a connection of this length resets the delay

_CHANGES_STATE = const(b" service/state service/restart ")
_ENCOURAGES = const(b" network/up time/sync ")  # what connecting may have lacked
_SESSION = const("services.telemetry.session")


class Telemetry(Service):
    """Publishes status, info, state and events below `<topic>/<device id>`.

    start.py holds its constructor, whose parameters are its options. session.py runs while a
    broker is connected. Attributes that both use have public names.
    """

    name = "telemetry"
    restart = "on-failure"

    def __init__(self, *wired, **options):
        borrow("services.telemetry.start", "make")(self, *wired, **options)

    async def run(self):
        """Connect, publish, connect again. Returns at once if no broker is configured."""
        if not self.broker:
            return
        delay = _FIRST_DELAY_S
        try:
            while True:
                began = uptime()
                self._retry = False
                why = None
                try:
                    await self._session()
                except (OSError, MemoryError) as error:
                    why = error
                forget(_SESSION)  # before more memory is needed
                if why:
                    if isinstance(why, MemoryError):
                        self.outbox.shed()
                    try:
                        borrow("services.telemetry.refusal", "lost")(self, why)
                    except MemoryError:
                        pass
                why = None  # an exception kept alive would keep its traceback in the heap
                if uptime() - began >= _STEADY_S:
                    delay = _FIRST_DELAY_S
                if await self._pause(delay):
                    delay = _FIRST_DELAY_S
                else:
                    delay = min(delay * 2, _LONGEST_DELAY_S)
        finally:
            self.outbox.keep(True)

    async def _pause(self, seconds):
        """Wait before the next attempt; return True if self._retry ended the wait."""
        began = ticks_ms()
        # Poll instead of waiting for an event: an event with a time-out is a task and three
        # coroutines, 500 bytes for as long as no broker answers.
        while not self._retry:
            self.outbox.keep()
            left = seconds * 1000 - elapsed(began)
            if left <= 0:
                return False
            await asyncio.sleep_ms(min(left, _LOOK_MS))
        return True

    def _session(self):
        """Return the coroutine of one connection. Raises MemoryError if its code doesn't fit."""
        # Not borrowed: opening.py imports part of it again, and would load a second copy.
        from services.telemetry.session import session

        return session(self)

    def _notice(self, topic, fields):
        """Queue an event for the broker. A plain function, as subscribers must be."""
        news = self.outbox.put(topic, fields)
        word = b" %s " % topic
        if word in _CHANGES_STATE:
            news = self.state_due = True
        elif word in _ENCOURAGES:
            news = self._retry = True
        if news:
            self.wake.set()
