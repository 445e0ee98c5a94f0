"""Trial: judges a configuration that is not proven: proves it or takes it back.

Loaded only during a trial. One task, which ends with the trial. While the board serves, only this
task proves or takes back; SITE config asks it by events.
"""

import json

import asyncio
from micropython import const

from services.borrow import borrow

_TRIAL_S = const(300)  # network.trial_s by default
_STEADY_S = const(600)  # of network up and FTP listening, if users and network are unchanged
_LISTENS_S = const(30)  # of network up while FTP doesn't listen
_ANY = const(("", "0.0.0.0"))
_UNKNOWN = const((None, "127.0.0.1"))  # addresses that the unix port reports for any host
_FAILURES = const(8)  # restarts of FTP; the supervisor resets the board at 10
_AGAIN_S = const(60)  # until the next try, after a failed write


async def watch(status, events, site, wanted, problems, why=None):
    """Judge the running configuration until it is proven, taken back or replaced.

    wanted: name -> arguments of each service. problems: what is wrong with config.json. why: it
    was taken back at this boot already, and the rest of the proven one needs a reset.
    """
    if why:
        await site.run("shutdown", "-r", True)
        return
    section = status.section("config")
    section["state"] = "trial"
    tried = borrow("proven", "digest")()
    users = wanted.get("ftp", {}).get("users", {})
    admins = [name for name in users if users[name][1] == "admin"]
    asked = []  # received so far: "login", "confirm" or "revert"

    def hear(topic, fields):
        if topic == "ftp/login":
            if fields.get("ok") and fields.get("user") in admins:
                asked.append("login")
                # At once: a second later this client may have replaced the file.
                if section["state"] == "trial" and _is_reached(status.sections):
                    _settle(section, events, tried, None)
        elif topic in ("config/confirm", "config/revert"):
            asked.append(topic[7:])

    events.subscribe(hear)
    try:
        why = await _judged(status.sections, wanted, problems, asked)
    finally:
        events.unsubscribe(hear)
    if section["state"] != "trial":
        return  # settled by a login
    while not _settle(section, events, tried, why):
        await asyncio.sleep(_AGAIN_S)
    if why:
        await asyncio.sleep(1)  # so that SITE config revert is answered first
        await site.run("shutdown", "-r", True)


def _settle(section, events, tried, why):
    """Prove the configuration, or take it back if why. Return False if flash fails."""
    try:
        if borrow("proven", "digest")() != tried:
            # A new config.json was uploaded. Its trial begins after the next reset.
            section["state"] = "replaced"
            return True
        if why:
            borrow("proven", "take_back")(why)
            section["state"] = "reverted"
            section["reason"] = why
            # The next boot publishes it: this network may reach no broker.
        else:
            borrow("proven", "prove")()
            section["state"] = "proven"
            section.pop("reason", None)
            events.publish("config/proven")
        return True
    except (OSError, MemoryError) as error:
        events.publish("config/problem", problem="/config.last can't be written: %s" % error)
        return False


async def _judged(sections, wanted, problems, asked):
    """Wait for the verdict. Return None if it is proven, else why not."""
    while True:
        try:
            proven = _parsed("/config.last")
            # If no configuration was ever proven, there is none to go back to.
            same = proven is None or _reach(_parsed("/config.json") or {}) == _reach(proven)
            break
        except MemoryError:  # not "missing": then it would never be taken back
            await asyncio.sleep(1)
    network = wanted.get("network")
    trial_s = network.get("trial_s") if network else None
    needs_network = static = False
    host = wanted.get("ftp", {}).get("host", "")
    if proven is not None:
        before = proven.get("network", {})
        needs_network = network is not None or before is not None
        if not isinstance(before, dict):
            before = {}
        # A new static address may be outside the network, or in use. Only a login proves that it
        # works.
        static = (network or {}).get("static")
        static = static and static != before.get("static")
        if trial_s is None:
            trial_s = before.get("trial_s")
    if not isinstance(trial_s, int):
        trial_s = _TRIAL_S
    seconds = up_s = steady_s = 0
    reached = False
    while True:
        await asyncio.sleep(1)
        seconds += 1
        if "confirm" in asked:
            return None
        if "revert" in asked:
            return "an operator asked for it"
        link = sections.get("network", {})
        ftp = sections.get("ftp", {})
        up = bool(link.get("up"))
        listens = ftp.get("state") in ("running", "off")
        up_s = up_s + 1 if up else 0
        if asked and _is_reached(sections):
            return None
        here = link.get("address")
        if up and listens and host not in _ANY and ":" not in host and here not in _UNKNOWN:
            # lwIP listens on any address, but only the board's own can be reached.
            listens = host == here
        steady_s = steady_s + 1 if listens and up and same else 0
        if steady_s >= _STEADY_S:
            return None
        reached = reached or (not static and listens and (up or not needs_network))
        if reached or proven is None:
            continue
        if not listens and (
            ftp.get("state") == "failed"
            or up_s >= _LISTENS_S
            or (up and seconds >= trial_s)
            or ftp.get("restarts", 0) >= _FAILURES
        ):
            said = ftp.get("error")
            if ftp.get("state") == "running":
                said = "ftp.host %s is not this board's address %s" % (host, here)
            return _told("ftp: does not listen", said, problems, ("ftp",))
        if seconds >= trial_s:
            if link.get("state") == "off":
                return "network: null turns it off, and no admin has logged in"
            if up:
                return "network.static: no admin has logged in within %d s" % trial_s
            said = link.get("problem") or link.get("last_problem")
            return _told("no network within %d s" % trial_s, said, problems, ("network",))


def _is_reached(sections):
    """Whether a login proves the configuration: not if it came over the own access point."""
    link = sections.get("network", {})
    ftp = sections.get("ftp", {})
    listens = ftp.get("state") in ("running", "off")
    return listens and (link.get("up") or link.get("state") == "off")


def _told(what, said, problems, names):
    """Join what failed, what the driver said, and what may be the cause in config.json."""
    parts = [what]
    if said:
        parts.append(said)
    for problem in problems:
        if problem.startswith(names) or ": no such section" in problem:
            parts.append(problem)
    return "; ".join(parts)


def _parsed(path):
    """Return the object in a JSON file, None if there is none. Raises MemoryError.

    MicroPython's parser is good enough here.
    """
    try:
        with open(path) as file:
            found = json.load(file)
        return found if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None


def _reach(config):
    """Return the parts of a configuration that decide whether its board can be reached."""
    ftp = config.get("ftp")
    return config.get("network"), ftp.get("users") if isinstance(ftp, dict) else None
