"""Sets the board's clock from its servers; borrowed for each sync, and let go."""

from time import time_ns

import asyncio
from micropython import const

import hal
from hal.net import resolve
from services.borrow import reason
from services.status import time_text
from services.time import sntp

# Before BUILT nothing of ours ran. Where NTP's first era ends seem to be all the servers that
# count from 1900 because they have no clock either, and one whose time is all ones is a second
# before. Both move on with releases.
BUILT = 1767225600  # 2026-01-01
_HORIZON = const(2085978495)  # 2036-02-07 06:28:15
_YEAR_S = const(31556952)

_PAST_SECOND_MS = const(20)
_WILD_MS = const(600_000)  # no crystal drifts ten minutes between two syncs
_AGREE_MS = const(2_000)
# How long an address that sent a kiss of death is left alone. RATE means "less often", the others
# "not you".
_RATE_S = const(256)
_DENY_S = const(86_400)
_MOST_SHUNNED = const(16)  # a pool's name stands for many addresses


async def synchronise(clock):
    """Set the board's clock from its servers, asking each once; return (server, offset_ms).

    clock: the Clock that asks, with its settings, and what it knows of its servers; offset_ms: by
    how much it was behind. Where three or more answer, the majority counts. Where two differ, the
    first of them does, and STAT tells. OSError, naming each server and its fault, where none can
    be believed.
    """
    faults = []
    answers = []
    for server in clock.servers:
        try:
            answers.append(await _ask(clock, server))
        except (OSError, ValueError) as error:
            _note(faults, server, error)
    for answer in _believed(clock, answers, faults):
        try:
            _check(clock, answer, _agreeing(answers, answer) > 1)
        except ValueError as error:
            _note(faults, answer.server, error)
        else:
            return answer.server, await _set(clock, answer)
    raise OSError("; ".join(faults))


def _note(faults, server, error):
    """Add what is wrong with a server, by its name."""
    text = reason(error)
    faults.append(text if server in text else "%s: %s" % (server, text))


async def _ask(clock, server):
    """The Answer of a server; OSError, ValueError.

    One that wants to be left alone is, but for an operator, whose SITE ntp asks in any case.
    """
    address = await resolve(server)
    shunned = clock.shunned
    until, code = shunned.get(address, (0, None))
    if hal.uptime() < until and not clock.hurry:
        raise ValueError("left alone, as it asked (kiss of death, %s)" % code)
    try:
        answer = await sntp.query(server, address, clock.timeout_ms)
    except sntp.KissOfDeath as kiss:
        if len(shunned) >= _MOST_SHUNNED:
            del shunned[min(shunned, key=shunned.get)]  # which ends first
        pause_s = _RATE_S if kiss.code == "RATE" else _DENY_S
        shunned[address] = hal.uptime() + pause_s, kiss.code
        raise
    shunned.pop(address, None)
    unix_s = answer.now() // 1000
    if not BUILT <= unix_s < _HORIZON:
        # Not time_text(): 32-bit ports have no text for what lies beyond 2038.
        raise ValueError("implausible, it says it is %d" % (1970 + unix_s // _YEAR_S))
    return answer


def _apart_ms(one, other):
    return abs(one.now() - other.now())


def _agreeing(answers, answer):
    """How many tell the same time as answer, itself among them."""
    return len([other for other in answers if _apart_ms(other, answer) <= _AGREE_MS])


def _believed(clock, answers, faults):
    """The answers that may set the clock, in the order of preference; STAT tells who differs."""
    count = len(answers)
    believed = answers
    if count > 2:
        believed = [one for one in answers if 2 * _agreeing(answers, one) > count]
    told = []
    first = (believed or answers or (None,))[0]
    for other in answers:
        apart_ms = _apart_ms(first, other)
        if apart_ms > _AGREE_MS:
            told.append(
                "%s and %s differ by %d s" % (first.server, other.server, apart_ms // 1000)
            )
    problem = "; ".join(told) or None
    if problem or "problem" in clock.status:
        clock.status["problem"] = problem
    if answers and not believed:
        faults.append("no majority: " + problem)
    return believed


async def _set(clock, answer):
    """Set the clock at a whole second; return by how many ms it was behind."""
    await _good_moment(clock, answer)
    now_ms = answer.now()
    offset_ms = now_ms - _clock_ms()
    unix_s = (now_ms + 500) // 1000
    hal.set_clock(unix_s)
    clock.suspect = None
    clock.status.update(
        {
            "clock": "synchronised",
            "set": True,
            "source": answer.server,
            "last_sync": time_text(unix_s - hal.EPOCH),
            "offset_ms": offset_ms,
            "last_error": None,
        }
    )
    clock.events.publish(
        "time/sync", server=answer.server, offset_ms=offset_ms, rtt_ms=answer.rtt_ms
    )
    return offset_ms


def _check(clock, answer, confirmed):
    """ValueError where an answer moves the clock wildly.

    Any jump will do for the first sync; afterwards a wild one must be confirmed by
    another server, or by the same one asked again where there is no other.
    """
    offset_ms = answer.now() - _clock_ms()
    if confirmed or not clock.status["set"] or abs(offset_ms) <= _WILD_MS:
        return
    suspect = clock.suspect
    clock.suspect = (answer.server, offset_ms)
    if (
        suspect is None
        or abs(offset_ms - suspect[1]) > _AGREE_MS
        or (answer.server == suspect[0] and len(clock.servers) > 1)
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
