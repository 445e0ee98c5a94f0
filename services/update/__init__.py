"""Update: takes a new version in, judges it, and keeps it or goes back to the old one."""

import asyncio

from services.borrow import borrow
from services.service import Service


class Update(Service):
    """What of an update runs beside the daemon; recovery.py moves the files, at boot.

    Nearly all of it is borrowed, its constructor too (start.py), and most boots borrow nothing
    else: even the names in a module that was let go stay in the heap.
    """

    name = "update"
    restart = "on-failure"
    busy = False  # one SITE UPDATE at a time

    def __init__(self, status, events, site):
        borrow("services.update.start", "make")(self, status, events, site)

    async def run(self):
        """Judge the version on trial, if there is one; forget the bad boots of the past."""
        if self.due:
            await borrow("services.update.trial", "watch")(self)
            self.due = False
        await asyncio.Event().wait()
