"""Trial: judges whether a new version is healthy, and confirms it or undoes it."""

import asyncio
from micropython import const

from services.borrow import borrow, forget

_HEALTHY_S = const(60)  # of FTP running, until this boot no longer counts as bad
_PATIENCE = const(10)  # times trial_s, until a version that is never healthy is undone
_CRASHES = const(3)  # of the application with the same error: time does not heal them
_RETRY_S = const(3600)  # of rescue mode, until a normal boot is tried
_RARER = const(4)  # how often that time is doubled at most: 16 h
_ROOM = const(4096)  # bytes of heap; with less, FTP accepts no client


async def watch(service):
    """Judge the version on trial until it is kept or undone; without one, clear the bad boots.

    In rescue mode, reboot normally after an hour, and later after each failure.
    """
    retry_s = await _watch(service)  # it has unloaded recovery, because an hour is long
    if retry_s:
        service.board.section("rescue")["retry_s"] = retry_s
        await asyncio.sleep(retry_s)
        while service.board.section("ftp").get("sessions"):  # an operator may be at work
            await asyncio.sleep(1)
        await service.site.run("shutdown", "-r", True)


async def _watch(service):
    """Do what watch() says. Return the seconds until a normal boot shall be tried, else None."""
    import journal
    import recovery

    kept = recovery.record()
    update = recovery.update_of(kept)
    state = update.get("state")
    described = journal.header() if state == "trial" else None
    try:
        if state == "trial":
            if update.get("boots") == 1:
                _tell(service, "applied", update.get("to"), update.get("from"))
            await _judge(service, described, recovery.mark)
        else:
            if state == "rolled-back" and not update.get("told"):
                was = update.get("to")
                _tell(service, state, service.status["version"], was, update.get("reason"))
                recovery.mark(state, told=True)
            if kept.get("bad") or kept.get("rescues"):
                await _live(service)
                in_rescue = "rescue" in service.board.sections
                times = recovery.healthy(in_rescue)
                if in_rescue and not recovery.rescue():  # the file /rescue prevents it
                    return _RETRY_S << min(times - 1, _RARER)
    finally:
        for module in ("journal", "recovery"):
            forget(module)


async def _judge(service, described, mark):
    """Check each second, until the version was healthy for trial_s without a break, or time is up.

    mark: recovery.mark(), which is loaded already, since a version may fill the heap.
    """
    trial_s = described.get("trial_s", 60)
    needs = described.get("needs", ["ftp"])
    troubled = [name for name in described.get("troubled", ()) if name not in needs]
    restarts = {}
    wrong = "it never became healthy"
    healthy = 0
    for _ in range(_PATIENCE * trial_s):
        await asyncio.sleep(1)
        if service.status["phase"] != "trial":
            return  # confirmed by hand, or already being undone
        now_wrong, at_once = _wrong(service.board, needs, troubled, restarts)
        if at_once:
            await roll_back(service, now_wrong, mark)
            return
        wrong = now_wrong or wrong
        healthy = 0 if now_wrong else healthy + 1
        if healthy >= trial_s:
            await confirm(service)
            return
    await roll_back(service, "%d s without health: %s" % (_PATIENCE * trial_s, wrong), mark)


def _wrong(board, needs, troubled, restarts):
    """Return (what is wrong or None, whether time can't heal it).

    restarts: name -> the supervisor's count of restarts at the last check; for the application
    also None -> (its last error, how often it came in a row).
    """
    sections = board.sections
    for name in sections:
        section = sections[name]
        state = section.get("state")
        if state is None or name in troubled:
            continue
        if state == "failed":
            return "%s: %s" % (name, section.get("error", "failed")), True
        count = section.get("restarts", 0)
        if count != restarts.get(name, 0) or state == "waiting":
            new = count - restarts.get(name, 0)
            restarts[name] = count
            wrong = "%s: %s" % (name, section.get("error", "was restarted"))
            if name != "app":
                return wrong, False
            last, times = restarts.get(None, (None, 0))
            times = new + (times if last == wrong else 0)
            restarts[None] = wrong, times
            return wrong, times >= _CRASHES
    for name in needs:
        if sections.get(name, {}).get("state") not in ("running", "finished"):
            return "%s does not run" % name, False
    if "network" in needs and not sections["network"].get("up"):
        return "the network is not up", False
    free = sections.get("heap", {}).get("free_bytes", 0)
    if free < _ROOM:
        return "only %d bytes of heap are free" % free, False
    return None, False


async def _live(service):
    """Wait until FTP has run for a minute."""
    healthy = 0
    restarts = 0
    while healthy < _HEALTHY_S:
        await asyncio.sleep(1)
        section = service.board.section("ftp")
        well = section.get("state") == "running" and section.get("restarts") == restarts
        restarts = section.get("restarts")
        healthy = healthy + 1 if well else 0


async def confirm(service):
    """Keep the version on trial: delete /prev, so that it can't be undone. Raises OSError."""
    borrow("recovery", "mark")("confirmed", reason=None)
    _, found = borrow("services.update.state", "show")(service)
    _tell(service, "confirmed", found["to"], found["from"])
    for _ in borrow("journal", "sweeping")():
        await asyncio.sleep_ms(0)


async def roll_back(service, reason, mark=None):
    """Undo the version on trial: reset, and let the journal do it. Raises OSError."""
    (mark or borrow("recovery", "mark"))("undoing", reason=reason)
    service.status["phase"] = "undoing"
    await service.site.run("shutdown", "-r", True)


def _tell(service, what, version, before, reason=None):
    """Publish the result of an update. version: the running one; before: the one before it."""
    more = {"from": before, "reason": reason}  # `from` can't be a keyword
    service.events.publish("update/" + what, version=version, **more)
