"""Update: takes a new version in, judges it, and keeps it or goes back to the old one."""

import os

import asyncio

from services.borrow import borrow
from services.service import Service


class Update(Service):
    """What of an update runs beside the daemon; recovery.py moves the files, at boot.

    Nearly all of it is borrowed, and most boots borrow nothing: even the names in a module that
    was let go stay in the heap.
    """

    name = "update"
    restart = "on-failure"

    def __init__(self, status, events, site):
        self.board = status
        self.status = section = status.section(self.name)
        self.events = events
        self.site = site
        self.busy = False  # one SITE UPDATE at a time
        site.add_rare((self.name,), "services.update.commands", self)
        kept = borrow("recovery", "record")()
        update = kept.get("update")
        if not isinstance(update, dict):
            update = {}
        # The key is phase: `state` is the supervisor's, in every service's section.
        section["phase"] = phase = update.get("state", "idle")
        section["version"] = status.section("board").get("version")
        for key in ("to", "boots", "reason"):
            section[key] = update.get(key)
        self._due = phase == "trial" or kept.get("bad")
        if phase == "rolled-back" and not update.get("told"):
            self._due = True
        try:
            os.stat("/next/manifest.json")
            borrow("services.update.state", "show")(self)
        except OSError:
            pass  # nothing is staged

    async def run(self):
        """Judge the version on trial, if there is one; forget the bad boots of the past."""
        if self._due:
            await borrow("services.update.trial", "watch")(self)
            self._due = False
        await asyncio.Event().wait()
