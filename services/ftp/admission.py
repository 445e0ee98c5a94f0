"""Admission: who gets a session, who hears 421, and who has to make room."""

from micropython import const

_SILENT_MS = const(5_000)  # not logged in for so long: the session may go to somebody else

LOCKED_OUT = "Too many wrong passwords came from your address; try again later."


def refusal(server, address):
    """The text of a new client's 421, or None: there is a session for it."""
    if server.guard and server.guard.locked_s(address):
        return LOCKED_OUT
    own = there = 0
    for session in server.sessions:
        if not session.why:  # who has been told to go is as good as gone
            there += 1
            own += session.address == address
    if own >= server.max_per_address:
        if not reclaim(server, address):
            return "Your address has %d sessions, which is all that it may have." % own
        there -= 1
    if there >= server.max_sessions and not reclaim(server):
        return "All %d sessions are taken; try later." % there
    return None


def reclaim(server, address=None):
    """End the session that is missed least; False where none may be. address: of its alone.

    First who has been silent before its login for longest, then who has idled for longest.
    """
    found = None
    worst = (False, 0)
    for session in server.sessions:
        if session.why or session.transfer or (address and session.address != address):
            continue
        silent = session.silent_ms()
        if silent < (server.reclaim_ms if session.account else _SILENT_MS):
            continue
        rank = (not session.account, silent)
        if rank > worst:
            worst = rank
            found = session
    if found:
        found.end(421, "Somebody else needs the session.")
    return found is not None
