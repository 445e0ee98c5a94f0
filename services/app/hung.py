"""Hung: an application that has held the loop until the watchdog came, three times, rests.

Borrowed at its start, and by SITE app. /app.hung keeps how often, and of which application: its
files and the board's version. Another one begins anew, at once.
"""

import json
import os

import asyncio
from micropython import const

from hal.files import replace

_PATH = const("/app.hung")
_MOST = const(3)
_LOOK_S = const(2)
_WHY = const(
    "not started: the watchdog reset the board %d times while it held the loop."
    " Upload another one, or SITE app start"
)


def count(app):
    """How often the watchdog has ended this application, this boot's reset among them."""
    kept = _kept()
    mark = _mark(app)
    times = kept[0] if kept and kept[1] == mark else 0
    # "app", or "app.pump" where it was a task of its own.
    hung = (app.status.section("board").get("hung_in") or "").split(".")[0] == app.name
    # Rescue mode leaves the application in only where this was the last of three bad boots.
    rescue = "rescue" in app.status.sections
    if hung or rescue:
        times = max(times + hung, _MOST if rescue else 1)
        try:
            replace(_PATH, (json.dumps([times, mark]),))
        except OSError as error:
            print("app: %s: %s" % (_PATH, error))  # it counts for this boot
    if times:
        app.status.section(app.name)["hung"] = times
    return times


async def allowed(app):
    """Return as soon as the application may start: at once, or when another one is there."""
    if app.hung < _MOST:
        return
    section = app.status.section(app.name)
    section["state"] = "failed"
    section["error"] = _WHY % app.hung
    app.events.publish("service/state", service=app.name, state="failed")
    mark = _mark(app)
    while app.hung and _mark(app) == mark:
        await asyncio.sleep(_LOOK_S)
    app.hung = 0
    forgive()
    section["hung"] = 0
    section["error"] = None
    section["state"] = "running"
    app.events.publish("service/state", service=app.name, state="running")


def forgive():
    """Forget what was counted."""
    try:
        os.remove(_PATH)
    except OSError:
        pass  # nothing was


def _kept():
    try:
        with open(_PATH) as file:
            times, mark = json.load(file)
        return int(times), mark
    except (OSError, ValueError, TypeError):
        return None  # never, or damaged by a hand


def _mark(app):
    """What tells one application from another: the version, and size and time of its files."""
    mark = [app.status.section("board").get("version")]
    path = "/" + app.module.replace(".", "/")
    for name in (path, path + ".py", path + ".mpy", "/lib" + path + ".py", "/lib" + path + ".mpy"):
        try:
            found = os.stat(name)
            mark.append([found[6], found[8]])
        except OSError:
            mark.append(None)
    return mark


def _start(app, arg):
    """SITE app start."""
    if arg.lower() != "start":
        raise ValueError("Usage: SITE app start")
    if app.status.section(app.name).get("state") != "failed" or not app.hung:
        forgive()
        return "It has not been kept from starting; what was counted is forgotten."
    app.hung = 0
    return "It starts."


COMMANDS = {"app": (_start, "app start: start an application that hung", True, False)}
