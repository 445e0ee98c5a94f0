"""Clock: the service that sets the board's clock over NTP, at start and every so often."""

from time import ticks_diff, ticks_ms, time_ns

import asyncio
import ntptime
from micropython import const

import hal
from hal.net import resolve
from services.borrow import reason
from services.service import Service
from services.status import time_text
from services.time import sntp

# Before BUILT nothing of ours ran. Where NTP's first era ends seem to be all the servers that
# count from 1900 because they have no clock either. Both move on with releases.
BUILT = 1767225600  # 2026-01-01
_HORIZON = const(2085978496)  # 2036-02-07 06:28:16
_YEAR_S = const(31556952)

_FIRST_RETRY_S = const(2)
_LONGEST_RETRY_S = const(300)
_PAST_SECOND_MS = const(20)
_WILD_MS = const(600_000)  # no crystal drifts ten minutes between two syncs
_AGREE_MS = const(2_000)
_SHUN_S = const(86_400)  # how long a server that sent a kiss of death is left alone
_WAIT_S = const(86_400)  # of one wait: asyncio takes less than 2^29 ms, 6.2 days


class Clock(Service):
    """Sets the board's clock to UTC.

    servers: host names or addresses, in the order of preference. every_s: seconds between two
    syncs. utc_offset_min: minutes east of UTC, for what people read (LIST); the clock stays
    UTC. timeout_ms: how long one server may take to answer, and so the longest that reading
    the time may stall the loop.
    """

    name = "time"
    patience_s = 60  # how long a sync that is due waits for transfers to end

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
        self._servers = servers
        self._every_s = every_s
        self._timeout_ms = timeout_ms
        self._first = 0  # the index of the server that answered last
        self._shunned = {}  # server -> uptime of its kiss of death
        self._suspect = None  # (server, offset_ms) of a wild jump that wants a second opinion
        self._syncing = asyncio.Lock()
        self._hurry = False
        self.deferred_s = 0  # how long transfers have held this sync off
        self._wake = asyncio.Event()
        self._ftp = status.section("ftp")
        self.status = status.section(self.name)
        self.status.update(
            {
                "clock": "not set",
                "set": False,
                "source": None,
                "last_sync": None,
                "offset_ms": None,
                "stall_ms": None,
                "last_error": None,
                "utc_offset_min": utc_offset_min,
            }
        )
        site.add("ntp", self._site_ntp, "ntp: set the clock over NTP now", admin=True, waits=True)
        events.subscribe(self._notice)

    async def run(self):
        """Sync, wait, sync again; after a failure sooner, with a delay that grows."""
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
        """Set the clock from the first server that answers well; return (server, offset_ms).

        OSError, naming each server and its fault, where none does.
        """
        async with self._syncing:
            faults = []
            for turn in range(len(self._servers)):
                index = (self._first + turn) % len(self._servers)
                server = self._servers[index]
                try:
                    offset_ms = await self._sync_with(server)
                except (OSError, ValueError) as error:
                    if isinstance(error, sntp.KissOfDeath):
                        self._shunned[server] = hal.uptime()
                    faults.append("%s: %s" % (server, reason(error)))
                else:
                    self._first = index
                    return server, offset_ms
            text = "; ".join(faults)
            # The log tells the same failure once: a line for each attempt would fill it in days.
            again = text == self.status["last_error"] or None
            self.status["last_error"] = text
            self.events.publish("time/failed", error=text, again=again)
            raise OSError(text)

    async def _sync_with(self, server):
        """Set the clock from one server; return by how many ms it was behind.

        ntptime gives the time, but blocks, drops the fraction and believes anything. So a
        query of our own goes before it: it proves that the server is there and sound, without
        blocking, and tells where its whole second lies. ntptime is called just after that,
        with the address resolved, when what it drops is next to nothing.
        """
        kissed = self._shunned.get(server)
        if kissed is not None:
            if hal.uptime() - kissed < _SHUN_S:
                raise ValueError("left alone, as it asked (kiss of death)")
            del self._shunned[server]
        address = await resolve(server)
        answer = await sntp.query(address, self._timeout_ms)
        self._check(server, answer)
        await self._good_moment(answer)
        ntptime.host = address
        ntptime.timeout = self._timeout_ms / 1000
        began = ticks_ms()
        try:
            unix_s = ntptime.time() + hal.EPOCH
        finally:
            self.status["stall_ms"] = stall_ms = ticks_diff(ticks_ms(), began)
        now_ms = answer.now()
        if abs(now_ms - unix_s * 1000) > _AGREE_MS:
            raise ValueError("two answers in a row differ by more than they may")
        offset_ms = now_ms - _clock_ms()
        unix_s = (now_ms + 500) // 1000
        hal.set_clock(unix_s)
        self._suspect = None
        self.status.update(
            {
                "clock": "synchronised",
                "set": True,
                "source": server,
                "last_sync": time_text(unix_s - hal.EPOCH),
                "offset_ms": offset_ms,
                "last_error": None,
            }
        )
        self.events.publish(
            "time/sync",
            server=server,
            offset_ms=offset_ms,
            rtt_ms=answer.rtt_ms,
            stall_ms=stall_ms,
        )
        return offset_ms

    def _check(self, server, answer):
        """ValueError where the time in answer is implausible.

        Any jump will do for the first sync; afterwards a wild one must be confirmed by
        another server, or by the same one asked again where there is no other.
        """
        unix_s = answer.now() // 1000
        if not BUILT <= unix_s < _HORIZON:
            # Not time_text(): 32-bit ports have no text for what lies beyond 2038.
            raise ValueError("implausible, it says it is %d" % (1970 + unix_s // _YEAR_S))
        offset_ms = answer.now() - _clock_ms()
        if not self.status["set"] or abs(offset_ms) <= _WILD_MS:
            return
        suspect = self._suspect
        self._suspect = (server, offset_ms)
        if (
            suspect is None
            or abs(offset_ms - suspect[1]) > _AGREE_MS
            or (server == suspect[0] and len(self._servers) > 1)
        ):
            raise ValueError("wants to move the clock by %d s; unconfirmed" % (offset_ms // 1000))

    async def _good_moment(self, answer):
        """Sleep until just after a whole second in which no transfer runs, or patience ends."""
        self.deferred_s = 0
        while True:
            await asyncio.sleep_ms(1000 - answer.now() % 1000 + _PAST_SECOND_MS)
            if self._hurry or not self._ftp.get("transfers_now"):
                return
            self.deferred_s += 1
            if self.deferred_s > self.patience_s:
                return

    async def _site_ntp(self, arg):
        """SITE NTP: sync now, transfers or not."""
        if arg:
            raise ValueError("SITE NTP takes no argument; the servers stand in config.json")
        self._hurry = True
        try:
            server, offset_ms = await self.sync()
        finally:
            self._hurry = False
        return "Clock set from %s, it was off by %+d ms." % (server, offset_ms)

    def _notice(self, topic, fields):
        """Once the network is back, a clock that could not be set need not wait any longer."""
        if topic == "network/up" and self.status["last_error"]:
            self._wake.set()


def _clock_ms():
    """The board's clock in milliseconds since 1970.

    The ports agree on where unix_time() counts from, not on where time_ns() does: only its
    fraction is used, and both belong to one second.
    """
    while True:
        seconds = hal.unix_time()
        fraction = time_ns() // 1_000_000 % 1000
        if hal.unix_time() == seconds:
            return seconds * 1000 + fraction
