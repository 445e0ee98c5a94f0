"""Update: receives a new version, judges it, and keeps it or returns to the old one."""

import asyncio

from services.borrow import borrow
from services.service import Service


class Update(Service):
    """The part of an update that runs beside the daemon; recovery.py moves the files, at boot.

    Nearly all of it is borrowed, even its constructor (start.py), and most boots borrow only that:
    the names in a module stay in the heap even after it is unloaded.
    """

    name = "update"
    restart = "on-failure"
    busy = False  # one SITE UPDATE at a time

    def __init__(self, status, events, site):
        borrow("services.update.start", "make")(self, status, events, site)

    async def run(self):
        """Judge the version on trial, if there is one; clear the count of bad boots."""
        if self.due:
            await borrow("services.update.trial", "watch")(self)
            self.due = False
        await asyncio.Event().wait()
