"""Hung: stops starting an application that hung until the watchdog fired, three times.

Borrowed at its start, and by SITE app. /app.hung stores the count, and which application it is
for: its files and the board's version. A changed application starts at once, with a count of 0.
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
    """Return how many runs of this application the watchdog has ended, this boot included."""
    kept = _kept()
    mark = _mark(app)
    times = kept[0] if kept and kept[1] == mark else 0
    # "app", or "app.pump" if it was a task of its own.
    hung = (app.status.section("board").get("hung_in") or "").split(".")[0] == app.name
    # In rescue mode the application is only included if it caused the last of three bad boots.
    rescue = "rescue" in app.status.sections
    if hung or rescue:
        times = max(times + hung, _MOST if rescue else 1)
        try:
            replace(_PATH, (json.dumps([times, mark]),))
        except OSError as error:
            print("app: %s: %s" % (_PATH, error))  # the count then holds for this boot only
    if times:
        app.status.section(app.name)["hung"] = times
    return times


async def allowed(app):
    """Wait until the application may start: at once, or when it was changed."""
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
    """Delete the count."""
    try:
        os.remove(_PATH)
    except OSError:
        pass  # there is none


def _kept():
    try:
        with open(_PATH) as file:
            times, mark = json.load(file)
        return int(times), mark
    except (OSError, ValueError, TypeError):
        return None  # there is none, or it was edited and is damaged


def _mark(app):
    """Return what identifies an application: the version, and size and time of its files."""
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
    """Handle SITE app start."""
    if arg.lower() != "start":
        raise ValueError("Usage: SITE app start")
    if app.status.section(app.name).get("state") != "failed" or not app.hung:
        forgive()
        return "It has not been kept from starting; what was counted is forgotten."
    app.hung = 0
    return "It starts."


COMMANDS = {"app": (_start, "app start: start an application that hung", True, False)}
