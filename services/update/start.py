"""Start: makes the Update, and finds out what it must do; borrowed at boot."""

import os

from services.borrow import borrow


def make(self, status, events, site):
    """Initialize an Update. Here, so that the code is unloaded after the start."""
    self.board = status
    self.status = section = status.section(self.name)
    self.events = events
    self.site = site
    site.add_rare((self.name,), "services.update.commands", self)
    kept = borrow("recovery", "record")()
    update = kept.get("update")
    if not isinstance(update, dict):
        update = {}
    # The key is phase, because `state` is the supervisor's in every service's section.
    section["phase"] = phase = update.get("state", "idle")
    section["version"] = status.section("board").get("version")
    for key in ("to", "boots", "reason"):
        section[key] = update.get(key)
    self.due = phase == "trial" or kept.get("bad") or kept.get("rescues")
    if phase == "rolled-back" and not update.get("told"):
        self.due = True
    try:
        os.stat("/next/manifest.json")
        borrow("services.update.state", "show")(self)
    except OSError:
        pass  # nothing is staged
