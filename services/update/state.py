"""State: the state of an update, for SITE UPDATE STATUS, STAT and MQTT."""

import sys

import hal
from services.borrow import borrow
from services.update import contents

_FINAL = ("confirmed", "rolled-back")


def look(service):
    """Return (state, a dict of details) from the boot record and the staged manifest.

    Keys: version, outpost, application, from, to, boots, reason; None if there is no value.
    """
    update = borrow("recovery", "update_of")(borrow("recovery", "record")())
    board = service.board.section("board")
    found = {key: board.get(key) for key in ("version", "outpost", "application")}
    found["boots"] = None
    state = update.get("state")
    for key in ("from", "to", "reason"):
        found[key] = update.get(key)
    if state == "undoing":
        state = "applying"  # until the reset that was requested
    elif state == "trial":
        found["boots"] = update.get("boots")
        found["reason"] = _trouble(service.board.sections)
    elif state != "applying":
        if state not in _FINAL:
            state = "idle"
        if contents.is_staged():
            state = "staged"
            found["reason"] = None
            try:
                found["to"] = contents.Manifest().version
            except (ValueError, OSError) as error:
                found["to"] = None
                found["reason"] = "%s: %s" % (contents.PATH, error)
    rescue = service.board.sections.get("rescue")
    if rescue and state not in ("trial", "applying"):
        state = "rescue"
        found["reason"] = rescue["reason"]
    return state, found


def _trouble(sections):
    """Return why a version on trial isn't healthy now: a service and its error, or None."""
    for name in sections:
        if sections[name].get("state") in ("waiting", "failed"):
            return "%s: %s" % (name, sections[name].get("error"))
    return None


def show(service):
    """Write the state into the status section, for STAT and MQTT; return what look() found.

    The key is phase, because `state` is the supervisor's in every service's section.
    """
    state, found = look(service)
    section = service.status
    section["phase"] = state
    for key in ("version", "to", "boots", "reason"):
        section[key] = found[key]
    return state, found


async def status(service):
    """Return the lines of SITE UPDATE STATUS: `key value`, `-` for none."""
    state, found = show(service)
    found["free"] = hal.room()[0]
    found["needed"] = None
    if state == "staged" and not found["reason"]:
        try:
            lacks = (await borrow("services.update.stage", "scan")(service, hashing=False)).lacks
            found["needed"] = lacks or None
        except (ValueError, OSError) as error:
            found["reason"] = str(error)
    lines = ["state %s" % state]
    found["mpy"] = getattr(sys.implementation, "_mpy", 0) & 0xFF or None
    keys = ("version", "outpost", "application", "from", "to", "boots", "reason", "free")
    for key in keys + ("needed", "mpy"):
        lines.append("%s %s" % (key, "-" if found[key] is None else found[key]))
    return lines
