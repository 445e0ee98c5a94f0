"""SITE UPDATE: borrowed for each use."""

import asyncio

from services.borrow import borrow, forget
from services.update import contents

_USAGE = "Usage: SITE UPDATE STATUS | VERIFY | APPLY | CONFIRM | ROLLBACK | ABANDON"
_MODULES = ("stage", "apply", "state", "trial", "contents")


async def _confirm(service):
    _require_trial()
    await borrow("services.update.trial", "confirm")(service)
    return "Confirmed."


async def _rollback(service):
    _require_trial()
    await borrow("services.update.trial", "roll_back")(service, "an operator asked for it")
    return "Going back. Restarting."


async def _abandon(service):
    if not contents.is_staged() and not borrow("recovery", "exists")("/next"):
        raise ValueError("Nothing is staged")
    removed = 0
    for _ in borrow("journal", "clearing")("/next"):
        removed += 1
        await asyncio.sleep_ms(0)
    borrow("services.update.state", "show")(service)
    return "Abandoned: %d files removed." % removed


def _require_trial():
    update = borrow("recovery", "update_of")(borrow("recovery", "record")())
    if update.get("state") != "trial":
        raise ValueError("No version is on trial: there is nothing to confirm or to go back to")


async def update(service, arg):
    """Handle SITE UPDATE. Raises ValueError for a mistake of the operator, OSError of the disk."""
    verb = arg.lower()
    if verb == "status":
        work = borrow("services.update.state", "status")
    elif verb in ("verify", "apply"):
        work = borrow("services.update.apply", verb)
    else:
        work = {"confirm": _confirm, "rollback": _rollback, "abandon": _abandon}.get(verb)
    if not work:
        raise ValueError(_USAGE)
    if service.busy:
        raise ValueError("Another SITE UPDATE is at work: wait for its end")
    service.busy = True
    try:
        return await work(service)
    finally:
        service.busy = False
        for module in _MODULES:
            forget("services.update." + module)
        for module in ("journal", "recovery"):
            forget(module)


# name -> (handler(service, arg), usage, only for admins, is a coroutine)
COMMANDS = {
    "update": (update, "update status|verify|apply|confirm|rollback|abandon", True, True),
}
