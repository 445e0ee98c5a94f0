"""Admission: decides which client gets a session, which gets 421, and which session must end."""

from micropython import const

from hal import elapsed

# When a session may be ended for another client. A client that has disappeared looks like an idle
# one: MicroPython's ports can't use TCP keep-alive (SO_KEEPALIVE).
_SILENT_MS = const(5_000)  # not logged in for this time
_OWN_MS = const(10_000)  # idle for this time, for a client of the same address: it may be back
_STALLED_MS = const(15_000)  # no byte of its transfer has moved for this time


def refusal(server, address):
    """Return the text of a new client's 421, or None if there is a session for it."""
    if server.guard and server.guard.locked_s(address):
        return locked_out()
    own = there = 0
    for session in server.sessions:
        if not session.why:  # a session that was told to end counts as gone
            there += 1
            own += session.address == address
    if own >= server.max_per_address:
        if not reclaim(server, address, True):
            return "Your address has %d sessions, which is all that it may have." % own  # cold
    elif there >= server.max_sessions or server.sockets.full():
        if not reclaim(server, address, False):
            return "All %d sessions are taken; try later." % there  # cold
    return None


def locked_out():
    """Return the text of the 421 for an address that sent too many wrong passwords."""
    return "Too many wrong passwords came from your address; try again later."  # cold


def reclaim(server, address, own):
    """End the session that is needed least; return False if none may be ended.

    own: only sessions of that address. First the one that has been silent longest before its
    login, then the one that has been idle or stalled longest.
    """
    found = None
    worst = (False, 0)
    for session in server.sessions:
        same = session.address == address
        if session.why or (own and not same):
            continue
        if session.transfer:
            silent = elapsed(session.transfer.touched)
            limit = _STALLED_MS
        else:
            silent = session.silent_ms()
            limit = server.reclaim_ms if session.account else _SILENT_MS
            if same:
                limit = min(limit, _OWN_MS)
        rank = (not session.account, silent)
        if silent >= limit and rank > worst:
            worst = rank
            found = session
    if found:
        found.end(421, "Somebody else needs the session.")
    return found is not None
