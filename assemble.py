"""Assemble: makes the services that config.json asks for; main.py borrows it once, at boot."""

import gc
import sys

import config
import recovery
from hal import identity
from services.borrow import borrow, forget
from services.events import Events
from services.site import SiteCommands
from services.status import Status


def assemble(version, rows):
    """Return (services, status, events, site); what is wrong is named in status and events.

    rows: (name, module, class, the key without which it isn't even imported, or None), in the
    order of starting. A section that is null turns its service off too.
    """
    settings, problems = config.load()
    status = Status()
    events = Events()
    site = SiteCommands()
    boot = recovery.record()
    board = status.section("board")
    board["name"] = settings.get("name", "outpost")
    board["version"] = version
    board["firmware"] = identity.firmware()
    board["id"] = identity.unique_id()
    board["boots"] = boot.get("boots", 0)
    board["reset_cause"] = boot.get("cause", "unknown")
    if settings.get("app"):
        settings["app"] = {"module": settings["app"]}
    services = []
    for row in rows:
        service = _make(row, settings, problems, status, events, site)
        if service:
            services.append(service)
        gc.collect()
    known = ["name"] + [row[0] for row in rows]
    for key in settings:
        if key not in known:
            problems.append("%s: no such section; known are %s" % (key, ", ".join(known)))
    if status.section("log").get("state") in ("off", "failed"):
        events.subscribe(print)  # somebody must say on the console what happens
    for problem in problems:
        events.publish("config/problem", problem=problem)
    if problems:
        status.section("config")["problems"] = "; ".join(problems)
    for module in ("config", "jsontext", "recovery", "hal.identity"):
        forget(module)
    return services, status, events, site


def _make(row, settings, problems, status, events, site):
    """Make one service, or None; one that can't be made is reported failed, the rest run on."""
    name, module, class_name, needs = row
    section = settings.get(name, {})
    if section is None or (needs and not (isinstance(section, dict) and section.get(needs))):
        status.section(name)["state"] = "off"
        return None
    try:
        kind = getattr(__import__(module, None, None, (class_name,)), class_name)
        given = config.check(name, section, borrow(module + ".options", "OPTIONS"), problems)
        if name == "ftp":
            given["keep_user"] = config.put
        return kind(status, events, site, **given)
    except Exception as error:
        sys.print_exception(error)
        text = "%s: %s" % (type(error).__name__, error)
        status.section(name).update({"state": "failed", "error": text})
        return None
