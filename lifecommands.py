"""SITE config: checks a configuration, confirms the one on trial or takes it back.

FTP also calls it for its reply to an upload of /config.json. Borrowed for each use.
"""

import asyncio
from micropython import const

from services.borrow import borrow, forget

_USAGE = "Usage: SITE config [check [path] | confirm | revert]"
_CONFIG = const("/config.json")
_MOST = const(16_384)  # bytes that are checked: the parser blocks the loop
_WAIT_MS = const(100)
_WAITS = const(50)


async def config(owner, arg):
    """Handle SITE config. If arg is bytes, FTP's reply to an upload, return its lines instead."""
    status, events, rows = owner
    if isinstance(arg, bytes):
        return _uploaded(arg, events, rows)
    verb, _, path = arg.partition(" ")
    verb = verb.lower()
    if verb == "check":
        return _shown(_checked(path.strip() or _CONFIG, rows))
    if path or verb not in ("", "status", "confirm", "revert"):
        raise ValueError(_USAGE)
    section = status.sections.get("config", {})
    state = _state(section)
    if verb == "confirm":
        return await _confirm(section, events, state)
    if verb == "revert":
        return await _revert(section, events, state)
    return ["state %s" % state, "reason %s" % (section.get("reason") or "-")]


def _state(section):
    """Return "trial", "proven", "reverted" or "waiting": it is new and has not run yet."""
    state = section.get("state")
    if state == "trial":
        return state
    content = borrow("proven", "content")
    if content(_CONFIG) == content("/config.last"):
        return state if state == "reverted" else "proven"
    return "waiting"


async def _confirm(section, events, state):
    if state == "waiting":
        raise ValueError("config.json has not run yet: reboot, and confirm it then")
    if state != "trial":
        return "config.json is the proven one already."
    await _judged(section, events, "confirm", "proven")
    return "config.json is the proven one now."


async def _judged(section, events, verb, wanted):
    """Ask the trial to end in a state, and wait. Without memory it may miss the event, so poll."""
    events.publish("config/" + verb)
    for _ in range(_WAITS):
        await asyncio.sleep_ms(_WAIT_MS)
        if section["state"] == wanted:
            return
        if section["state"] != "trial":
            raise ValueError("Another config.json was uploaded since the boot: reboot first")
    raise OSError("memory or flash did not take it; ask for the state later")


async def _revert(section, events, state):
    if state in ("proven", "reverted"):
        raise ValueError("config.json is the proven one: there is nothing to go back from")
    if borrow("proven", "content")("/config.last") is None:
        raise ValueError("No configuration has proven itself yet: there is none to go back to")
    if state == "trial":
        await _judged(section, events, "revert", "reverted")
        return "Going back. Restarting."
    borrow("proven", "take_back")("an operator asked for it")
    return "The proven one is back in its place; it runs already."


def _uploaded(text, events, rows):
    """Return the lines of the reply to an upload of config.json; publish its problems."""
    problems = _checked(_CONFIG, rows)
    for problem in problems:
        events.publish("config/problem", problem=problem)
    return [text.decode() + " The next boot tries it."] + _shown(problems)


def _shown(problems):
    if not problems:
        return ["No problem found."]
    count = len(problems)
    return ["%d problem%s:" % (count, "" if count == 1 else "s")] + problems


def _checked(path, rows):
    """Return what is wrong with a file, as lines for people. OSError if it can't be read."""
    with open(path, "rb") as file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        return ["%s: more than %d bytes, which are not checked" % (path, _MOST)]
    problems = []
    try:
        settings = borrow("jsontext", "parse")(content.decode())
    except UnicodeError:
        return [path + ": not UTF-8 text; the proven one would take its place"]
    except ValueError as error:
        return ["%s: %s; the proven one would take its place" % (path, error)]
    try:
        why = borrow("sections", "no_way_in")(settings, rows, problems)
    finally:
        for module in ("config", "jsontext"):
            forget(module)
    if why:
        problems.append("No admin could log in with it: the board would go back to the proven one")
    # A key may contain any character, even a line end.
    return ["".join([char if char >= " " else "?" for char in text]) for text in problems]


# name -> (handler(owner, arg), usage, only for admins, is a coroutine)
COMMANDS = {
    "config": (config, "config [check [path]|confirm|revert]: its trial", True, True),
}
