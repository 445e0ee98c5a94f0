"""Trial: judges a configuration that has not proven itself: keeps it, or goes back; loaded then.

One task, which ends with the trial. It alone proves and takes back while the board serves; SITE
config asks it by events.
"""

import json

import asyncio
from micropython import const

from services.borrow import borrow

_TRIAL_S = const(300)  # network.trial_s by default
_STEADY_S = const(600)  # with the network up, for one with equal users and network
_LISTENS_S = const(30)  # the network up for so long, and FTP does not listen
_ANY = const(("", "0.0.0.0"))
_UNKNOWN = const((None, "127.0.0.1"))  # which the unix port says of any host
_FAILURES = const(8)  # of FTP; the supervisor resets the board at 10
_AGAIN_S = const(60)  # after a write that failed


async def watch(status, events, site, wanted, problems, why=None):
    """Judge what runs, until it is proven, taken back or replaced by another upload.

    wanted: name -> arguments of each service. problems: what is wrong with config.json. why: it
    was taken back at this boot already, and only a reset brings all of the proven one.
    """
    if why:
        await site.run("shutdown", "-r", True)
        return
    section = status.section("config")
    section["state"] = "trial"
    tried = borrow("proven", "digest")()
    users = wanted.get("ftp", {}).get("users", {})
    admins = [name for name in users if users[name][1] == "admin"]
    asked = []  # what has come: "login", "confirm" or "revert"

    def hear(topic, fields):
        if topic == "ftp/login":
            if fields.get("ok") and fields.get("user") in admins:
                asked.append("login")
                # At once: within a second this client may have replaced the file that it proves.
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
        return  # the login has settled it
    while not _settle(section, events, tried, why):
        await asyncio.sleep(_AGAIN_S)
    if why:
        await asyncio.sleep(1)  # SITE config revert is answered meanwhile
        await site.run("shutdown", "-r", True)


def _settle(section, events, tried, why):
    """Keep what was tried, or go back for a reason why; False where flash does not take it."""
    try:
        if borrow("proven", "digest")() != tried:
            # Another one was uploaded meanwhile: it has its own trial, after the next reset.
            section["state"] = "replaced"
            return True
        if why:
            borrow("proven", "take_back")(why)
            section["state"] = "reverted"
            section["reason"] = why
            # The event comes after the reset: with this network nobody might hear it.
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
    """Wait for a verdict: None for a proven one, else why not."""
    while True:
        try:
            proven = _parsed("/config.last")
            # Without a proven one nothing is there that it could be worse than.
            same = proven is None or _reach(_parsed("/config.json") or {}) == _reach(proven)
            break
        except MemoryError:  # not the same as none: it would never be taken back
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
        # An address of its own may be that of no network, or somebody else's: nobody can tell
        # but who logs in.
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
            # lwIP takes any address to listen on, and one that is not its own is never reached.
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
    """Whether an admin who logs in proves what runs: not over the board's own access point."""
    link = sections.get("network", {})
    ftp = sections.get("ftp", {})
    listens = ftp.get("state") in ("running", "off")
    return listens and (link.get("up") or link.get("state") == "off")


def _told(what, said, problems, names):
    """A reason in words: what, what the driver said, and what of config.json may be the cause."""
    parts = [what]
    if said:
        parts.append(said)
    for problem in problems:
        if problem.startswith(names) or ": no such section" in problem:
            parts.append(problem)
    return "; ".join(parts)


def _parsed(path):
    """The object in a file of JSON; None where there is none. MemoryError.

    MicroPython's parser does here.
    """
    try:
        with open(path) as file:
            found = json.load(file)
        return found if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None


def _reach(config):
    """What of a configuration decides whether its board is reached."""
    ftp = config.get("ftp")
    return config.get("network"), ftp.get("users") if isinstance(ftp, dict) else None
