"""Access: USER, PASS, REIN, QUIT."""

import asyncio
from micropython import const

_DELAY_MS = const(1_000)  # after a wrong password; other sessions go on
_MOST_FAILURES = const(3)


async def USER(session, name):
    """RFC 959 section 4.1.1. The same answer for every name (RFC 2577 section 6)."""
    _forget(session)
    session.user = name
    return 331, "Password required for %s." % name


async def PASS(session, text):
    """RFC 959 section 4.1.1; FTPError 530 and a pause for a wrong one, 421 for the third."""
    if session.account:
        return 230, "Already logged in."
    if not session.user:
        return 503, "Send USER first."
    server = session.server
    account = await server.accounts.login(session.user, text)
    server.events.publish(
        "ftp/login", user=session.user, address=session.address, ok=account is not None
    )
    if account:
        session.account = account
        session.failures = 0
        server.section["logins"] += 1
        return 230, "%s logged in, role %s." % (account.name, account.role)
    session.failures += 1
    session.user = None
    await asyncio.sleep_ms(_DELAY_MS)
    if session.failures >= _MOST_FAILURES:
        session.ending = True
        return 421, "Too many wrong passwords; bye."
    return 530, "User name or password is wrong."


async def REIN(session, arg):
    """RFC 959 section 4.1.1: as a new connection, after the transfer under way."""
    _forget(session)
    return 220, "Ready for a new user."


async def QUIT(session, arg):
    """RFC 959 section 4.1.1: a transfer under way is finished first."""
    session.ending = True
    await session.finished()
    return 221, "Bye, %s." % (session.user or "stranger")


def _forget(session):
    """Back to the state of a new connection."""
    if session.account:
        server = session.server
        server.events.publish("ftp/logout", user=session.user, address=session.address)
    session.account = session.user = session.rename_from = None
    session.cwd = "/"
    session.text = True
    session.rest = 0
    session.epsv_only = False
    session.data.close()
