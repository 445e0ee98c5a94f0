"""Sets the board's clock from its servers; borrowed for each sync."""

from time import time_ns

import asyncio
from micropython import const

import hal
from hal.net import resolve
from services.borrow import reason
from services.status import time_text
from services.time import sntp

# Times outside these bounds are refused. Before BUILT, Outpost didn't exist. A server without a
# clock may count from 1900, which looks like the end of NTP's first era, 2036; a time of all ones
# is a second before that. New releases move both.
BUILT = 1767225600  # 2026-01-01
_HORIZON = const(2085978495)  # 2036-02-07 06:28:15
_YEAR_S = const(31556952)

_PAST_SECOND_MS = const(20)
_WILD_MS = const(600_000)  # a clock never drifts ten minutes between two syncs
_AGREE_MS = const(2_000)
# How long an address that sent a kiss of death is not asked. RATE means "less often", the others
# "not at all".
_RATE_S = const(256)
_DENY_S = const(86_400)
_MOST_SHUNNED = const(16)  # a pool's name has many addresses


async def synchronise(clock):
    """Set the board's clock from its servers, asking each once; return (server, offset_ms).

    clock: the Clock, with its settings and what it knows about its servers. offset_ms: by how much
    the board's clock was slow. If three or more servers answer, the majority is used. If two
    answers differ, the first is used, and STAT shows it. Raises OSError, naming each server and
    its fault, if none can be believed.
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
    """Append the fault of a server, with its name."""
    text = reason(error)
    faults.append(text if server in text else "%s: %s" % (server, text))


async def _ask(clock, server):
    """Return the Answer of a server. Raises OSError or ValueError.

    A server that sent a kiss of death is not asked, except for an operator's SITE ntp.
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
            del shunned[min(shunned, key=shunned.get)]  # the one that ends first
        pause_s = _RATE_S if kiss.code == "RATE" else _DENY_S
        shunned[address] = hal.uptime() + pause_s, kiss.code
        raise
    shunned.pop(address, None)
    unix_s = answer.now() // 1000
    if not BUILT <= unix_s < _HORIZON:
        # Not time_text(): 32-bit ports can't format a time after 2038.
        raise ValueError("implausible, it says it is %d" % (1970 + unix_s // _YEAR_S))
    return answer


def _apart_ms(one, other):
    return abs(one.now() - other.now())


def _agreeing(answers, answer):
    """Return how many answers agree with answer, itself included."""
    return len([other for other in answers if _apart_ms(other, answer) <= _AGREE_MS])


def _believed(clock, answers, faults):
    """Return the answers that may set the clock, preferred first; show in STAT which differ."""
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
    """Set the clock at a whole second; return by how many ms it was slow."""
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
    """Raise ValueError if an answer would move the clock too far.

    The first sync may move it by any time. Afterwards a large jump must be confirmed by another
    server, or by the same server at the next sync if there is no other.
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
    """Sleep until just after a whole second without transfers, or until patience_s is over."""
    clock.deferred_s = 0
    while True:
        await asyncio.sleep_ms(1000 - answer.now() % 1000 + _PAST_SECOND_MS)
        if clock.hurry or not clock.ftp.get("transfers_now"):
            return
        clock.deferred_s += 1
        if clock.deferred_s > clock.patience_s:
            return


def _clock_ms():
    """Return the board's clock in milliseconds since 1970.

    unix_time() has the same epoch on all ports, time_ns() has not, so only its fraction is used.
    Both must be from the same second.
    """
    while True:
        seconds = hal.unix_time()
        fraction = time_ns() // 1_000_000 % 1000
        if hal.unix_time() == seconds:
            return seconds * 1000 + fraction
