"""Apply: verifies the staged files, writes the plan, and starts the update by one rename."""

import json
import os

import asyncio

from services.borrow import borrow
from services.update.stage import scan

# Services that a version must bring up again if they run now. Without network or ftp nobody can
# reach the board; without app it is useless.
_NEEDED = ("network", "ftp", "app")


async def verify(service):
    """SITE UPDATE VERIFY: check hashes, paths and space. Raises ValueError or OSError."""
    found = await _verified(service)
    return "Verified: %d files, %d removals, %d bytes." % (
        found.files,
        found.removals,
        found.bytes,
    )


async def apply(service):
    """SITE UPDATE APPLY: hand over to the journal; the files are moved at the next boot."""
    import journal
    import recovery

    kept = recovery.record()
    if recovery.update_of(kept).get("state") == "trial":
        raise ValueError("A version is on trial: SITE UPDATE CONFIRM or ROLLBACK first")
    found = await _verified(service)
    for _ in journal.sweeping():  # left by an earlier APPLY that was interrupted
        await asyncio.sleep_ms(0)
    before = service.board.section("board").get("version")
    try:
        await _plan(service, found, before, kept)
        await _prepare(journal, recovery.on_fat())
        show = borrow("services.update.state", "show")  # while the update can still be cancelled
        recovery.mark("applying", **{"to": found.version, "from": before})
    except (OSError, ValueError, MemoryError):
        for _ in journal.sweeping():
            pass
        raise
    show(service)
    await service.site.run("shutdown", "-r", True)
    return "%s: %d files, %d removals. Restarting." % (
        found.version,
        found.files,
        found.removals,
    )


async def _verified(service):
    """Return the result of scan(), unless a file was changed meanwhile."""
    changed = []

    def watch(topic, fields):
        if topic == "ftp/transfer" and str(fields.get("path")).startswith("/next"):
            if fields.get("event_type") not in ("sent", "progress"):
                changed.append(fields["path"])

    service.events.subscribe(watch)
    try:
        found = await scan(service)
    finally:
        service.events.unsubscribe(watch)
    if changed:
        raise ValueError("%s was changed meanwhile: try again" % changed[0])
    if found.lacks:
        text = "%d bytes more must be free: remove files, SITE DF shows what there is"
        raise ValueError(text % found.lacks)
    return found


async def _plan(service, found, before, kept):
    """Write /prev/plan: a line that describes the update, then a line for each move.

    kept: the boot record. The first line holds its future values (to and application) and its
    present ones (version and had): an update is either Outpost's or the application's, and the
    other one is kept.
    """
    application = kept.get("application")
    sections = service.board.sections
    states = {name: sections[name].get("state") for name in sections}
    os.mkdir("/prev")
    with open("/prev/plan", "w") as file:
        described = {
            "to": found.version,
            "from": before,
            "version": kept.get("version"),
            "application": application if found.outpost else found.version,
            "had": application,
            "trial_s": found.trial_s,
            "needs": [name for name in _NEEDED if states.get(name, "off") != "off"],
            "troubled": [name for name in states if states[name] in ("failed", "waiting")],
        }
        file.write(json.dumps(described) + "\n")

        def put(kind, path):
            file.write("%s %s\n" % (kind, path))

        await scan(service, put, hashing=False)


async def _prepare(journal, fat):
    """Make folders and copies for the moves now, so that recovery.py needs no free space."""
    biggest = (0, "")
    for kind, path, old in journal.moves():
        if kind == "m":
            os.mkdir(path)
        elif kind == "b" or (fat and kind in "rd"):
            journal.copy(path, old)
            biggest = max(biggest, (os.stat(old)[6], old))
        await asyncio.sleep_ms(0)
    if fat and biggest[0]:
        for spare in journal.SPARES:
            journal.copy(biggest[1], spare)
