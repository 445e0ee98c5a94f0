"""Admission: who gets a session, who hears 421, and who has to make room."""

from micropython import const

from hal import elapsed

# When a session may go to somebody else. A client that has vanished without a word looks like
# one that idles: no port's MicroPython lets TCP ask whether it is there (SO_KEEPALIVE).
_SILENT_MS = const(5_000)  # not logged in for so long
_OWN_MS = const(10_000)  # idle for so long, for a client of the same address: it may be back
_STALLED_MS = const(15_000)  # no byte of its transfer has moved for so long


def refusal(server, address):
    """The text of a new client's 421, or None: there is a session for it."""
    if server.guard and server.guard.locked_s(address):
        return locked_out()
    own = there = 0
    for session in server.sessions:
        if not session.why:  # who has been told to go is as good as gone
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
    """The text of the 421 for an address from which too many wrong passwords came."""
    return "Too many wrong passwords came from your address; try again later."  # cold


def reclaim(server, address, own):
    """End the session that is missed least; False where none may be. own: of that address alone.

    First the one that has been silent before its login for longest, then the one that has idled
    or stalled for longest.
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
