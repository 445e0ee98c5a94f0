"""Sets the board's clock from one server; borrowed for each sync, and let go."""

from time import ticks_diff, ticks_ms, time_ns

import asyncio
import ntptime
from micropython import const

import hal
from hal.net import resolve
from services.status import time_text
from services.time import sntp

# Before BUILT nothing of ours ran. Where NTP's first era ends seem to be all the servers that
# count from 1900 because they have no clock either. Both move on with releases.
BUILT = 1767225600  # 2026-01-01
_HORIZON = const(2085978496)  # 2036-02-07 06:28:16
_YEAR_S = const(31556952)

_PAST_SECOND_MS = const(20)
_WILD_MS = const(600_000)  # no crystal drifts ten minutes between two syncs
_AGREE_MS = const(2_000)
_SHUN_S = const(86_400)  # how long a server that sent a kiss of death is left alone


async def set_from(clock, server):
    """Set the board's clock from one server; return by how many ms it was behind.

    clock: the Clock that asks, with its settings, and what it knows of its servers. Raises OSError
    where the server is silent or out of reach, ValueError where it can't be believed.

    ntptime gives the time, but blocks, drops the fraction and believes anything. So a
    query of our own goes before it: it proves that the server is there and sound, without
    blocking, and tells where its whole second lies. ntptime is called just after that,
    with the address resolved, when what it drops is next to nothing.
    """
    kissed = clock.shunned.get(server)
    if kissed is not None:
        if hal.uptime() - kissed < _SHUN_S:
            raise ValueError("left alone, as it asked (kiss of death)")
        del clock.shunned[server]
    address = await resolve(server)
    try:
        answer = await sntp.query(address, clock.timeout_ms)
    except sntp.KissOfDeath:
        clock.shunned[server] = hal.uptime()
        raise
    _check(clock, server, answer)
    await _good_moment(clock, answer)
    ntptime.host = address
    ntptime.timeout = clock.timeout_ms / 1000
    began = ticks_ms()
    try:
        unix_s = ntptime.time() + hal.EPOCH
    finally:
        clock.status["stall_ms"] = stall_ms = ticks_diff(ticks_ms(), began)
    now_ms = answer.now()
    if abs(now_ms - unix_s * 1000) > _AGREE_MS:
        raise ValueError("two answers in a row differ by more than they may")
    offset_ms = now_ms - _clock_ms()
    unix_s = (now_ms + 500) // 1000
    hal.set_clock(unix_s)
    clock.suspect = None
    clock.status.update(
        {
            "clock": "synchronised",
            "set": True,
            "source": server,
            "last_sync": time_text(unix_s - hal.EPOCH),
            "offset_ms": offset_ms,
            "last_error": None,
        }
    )
    clock.events.publish(
        "time/sync",
        server=server,
        offset_ms=offset_ms,
        rtt_ms=answer.rtt_ms,
        stall_ms=stall_ms,
    )
    return offset_ms


def _check(clock, server, answer):
    """ValueError where the time in answer is implausible.

    Any jump will do for the first sync; afterwards a wild one must be confirmed by
    another server, or by the same one asked again where there is no other.
    """
    unix_s = answer.now() // 1000
    if not BUILT <= unix_s < _HORIZON:
        # Not time_text(): 32-bit ports have no text for what lies beyond 2038.
        raise ValueError("implausible, it says it is %d" % (1970 + unix_s // _YEAR_S))
    offset_ms = answer.now() - _clock_ms()
    if not clock.status["set"] or abs(offset_ms) <= _WILD_MS:
        return
    suspect = clock.suspect
    clock.suspect = (server, offset_ms)
    if (
        suspect is None
        or abs(offset_ms - suspect[1]) > _AGREE_MS
        or (server == suspect[0] and len(clock.servers) > 1)
    ):
        raise ValueError("wants to move the clock by %d s; unconfirmed" % (offset_ms // 1000))


async def _good_moment(clock, answer):
    """Sleep until just after a whole second in which no transfer runs, or patience ends."""
    clock.deferred_s = 0
    while True:
        await asyncio.sleep_ms(1000 - answer.now() % 1000 + _PAST_SECOND_MS)
        if clock.hurry or not clock.ftp.get("transfers_now"):
            return
        clock.deferred_s += 1
        if clock.deferred_s > clock.patience_s:
            return


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
