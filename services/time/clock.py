"""Clock: the service that sets the board's clock over NTP, at the start and regularly."""

import asyncio
from micropython import const

from services.borrow import borrow, forget
from services.service import Service

_FIRST_RETRY_S = const(2)
_LONGEST_RETRY_S = const(300)
_WAIT_S = const(86_400)  # of one wait: asyncio accepts less than 2^29 ms, 6.2 days
_SYNC = ("services.time.setting", "synchronise")


def _let_go():
    """Unload what synchronise() imported."""
    forget("services.time.sntp")
    forget("ntptime")


class Clock(Service):
    """Sets the board's clock to UTC.

    servers: host names or addresses, the preferred one first. every_s: seconds between two syncs.
    utc_offset_min: minutes east of UTC, for times that people read (LIST); the clock stays UTC.
    timeout_ms: how long to wait for the reply of one server.
    """

    name = "time"
    patience_s = 60  # how long a due sync waits for transfers to end

    def __init__(
        self,
        status,
        events,
        site,
        servers=("pool.ntp.org",),
        every_s=3600,
        utc_offset_min=0,
        timeout_ms=500,
    ):
        self.events = events
        self.servers = servers
        self.timeout_ms = timeout_ms
        self.shunned = {}  # address -> (uptime until which it is not asked, its kiss of death)
        self.suspect = None  # (server, offset_ms) of a large jump that needs confirmation
        self.hurry = False  # an operator waits: ignore transfers and kisses of death
        self._every_s = every_s
        self._syncing = asyncio.Lock()
        self.deferred_s = 0  # how long transfers have delayed this sync
        self._wake = asyncio.Event()
        self.ftp = status.section("ftp")
        self.status = status.section(self.name)
        self.status.update(
            {
                "clock": "not set",
                "set": False,
                "source": None,
                "last_sync": None,
                "offset_ms": None,
                "last_error": None,
                "utc_offset_min": utc_offset_min,
            }
        )
        borrow(*_SYNC)  # so that a missing module is reported at boot, not at each sync
        _let_go()
        site.add_rare(("ntp",), "services.time.commands", self)
        events.subscribe(self._notice)

    async def run(self):
        """Sync, wait, sync again; after a failure sooner, with a growing delay."""
        delay = _FIRST_RETRY_S
        while True:
            self._wake.clear()
            try:
                await self.sync()
            except OSError:
                pause = delay
                delay = min(delay * 2, _LONGEST_RETRY_S, self._every_s)
            else:
                pause = self._every_s
                delay = _FIRST_RETRY_S
            while pause > 0:
                try:
                    await asyncio.wait_for(self._wake.wait(), min(pause, _WAIT_S))
                    delay = _FIRST_RETRY_S
                    break
                except asyncio.TimeoutError:
                    pause -= _WAIT_S

    async def sync(self):
        """Set the clock; return (server, offset_ms) of the server that was used.

        Raises OSError, naming each server and its fault, if none can be believed.
        """
        async with self._syncing:
            try:
                # Borrowed, because an hour passes until the next sync.
                return await borrow(*_SYNC)(self)
            except OSError as error:
                text = str(error)
            except MemoryError:
                text = "no memory for it just now"
            finally:
                _let_go()
            # The log shows the same failure once: a line per attempt would fill it in days.
            again = text == self.status["last_error"] or None
            self.status["last_error"] = text
            self.events.publish("time/failed", error=text, again=again)
            raise OSError(text)

    def _notice(self, topic, fields):
        """When the network is back, retry a failed sync without further delay."""
        if topic == "network/up" and self.status["last_error"]:
            self._wake.set()
