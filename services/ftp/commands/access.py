"""Access: USER, PASS, REIN, QUIT."""

from time import ticks_ms

import asyncio
from micropython import const

from services.ftp.access.admission import locked_out

_DELAY_MS = const(1_000)  # after each wrong password; only delays this session
_MOST_FAILURES = const(3)
_CHANGES = ("account", "user", "rename_from", "cwd", "text", "rest", "facts", "range", "hash")
_CHANGES += ("epsv_only",)


async def USER(session, name):
    """RFC 959 section 4.1.1. The reply is the same for every name (RFC 2577 section 6)."""
    tls = session.server.tls
    if tls and tls.required and not session.secure:
        return 530, "AUTH TLS first: no password in clear here."
    forget(session)
    session.user = name
    return 331, b"Password required for %s." % name


async def PASS(session, text):
    """RFC 959 section 4.1.1; 530 for a wrong password, 421 for the third and in a lock-out."""
    if session.account:
        return 230, "Already logged in."  # cold
    if not session.user:
        return 503, "Send USER first."
    server = session.server
    address = session.address
    name = session.user if server.accounts.knows(session.user) else None
    account = reason = None
    if not server.guard or await _turn(server, address):
        try:
            account = await server.accounts.login(session.user, text)
        except asyncio.CancelledError:
            # The session was ended: the try must count all the same.
            _failed(server, address, name)
            raise
        if not account:
            reason = "wrong password" if name else "unknown user"  # cold
            _failed(server, address, name)
    else:
        reason = "locked out"
    # An unknown name is not published: users type their password there by mistake.
    more = {"reason": reason} if reason else {}
    server.events.publish("ftp/login", user=name, address=address, ok=not reason, **more)
    if account:
        if server.guard and account.stored:  # not for an account without a password
            server.guard.forgive(address, name)
        session.account = account
        if session.failures:
            session.failures = 0
        session.touched = ticks_ms()
        server.section["logins"] += 1
        return 230, b"%s logged in, role %s." % (name, account.role)
    session.failures += 1
    session.user = None
    await asyncio.sleep_ms(_DELAY_MS)
    if reason == "locked out":
        session.ending = True
        return 421, locked_out()
    if session.failures >= _MOST_FAILURES:
        session.ending = True
        return 421, "Too many wrong passwords; bye."
    return 530, "User name or password is wrong."


async def _turn(server, address):
    """Wait until this address may try a password; return False if it is locked out.

    Before the password is checked, so that a client learns nothing by not waiting.
    """
    while server.guard:
        guard = server.guard
        if guard.locked_s(address):
            return False
        pause = guard.pause_ms(address)
        if not pause:
            break
        await asyncio.sleep_ms(pause)
    return True


def _failed(server, address, name):
    """Count a failure of the address. name: the user, None if there is no such user."""
    try:
        if not server.guard:
            from services.ftp.access.guard import Guard

            server.guard = Guard(server.lockout_ms)
        seconds = server.guard.failed(address, name)
    except MemoryError:
        return  # then only the session's own delay and count apply
    if seconds:
        server.events.publish("ftp/lockout", address=address, seconds=seconds)


async def REIN(session, arg):
    """RFC 959 section 4.1.1: reset to a new connection, after a running transfer.

    RFC 4217 section 13 requires it to end TLS too. MicroPython can't: it can't send close_notify.
    """
    if session.secure:
        return 502, "Not within TLS; connect anew."
    forget(session)
    return 220, "Ready for a new user."  # cold


async def QUIT(session, arg):
    """RFC 959 section 4.1.1: a running transfer is finished first."""
    session.ending = True
    await session.finished()
    return 221, b"Bye, %s." % (session.user or "stranger")


def forget(session):
    """Reset the session to the state of a new connection."""
    if session.account:
        server = session.server
        server.events.publish("ftp/logout", user=session.user, address=session.address)
        session.touched = ticks_ms()
    new = type(session)
    if session.user is None and session.facts is new.facts and session.hash is new.hash:
        return  # it is new: only OPTS may come before USER
    # Unchanged attributes stay on the class: as instance attributes they would take heap.
    for name in _CHANGES:
        if getattr(session, name) != getattr(new, name):
            setattr(session, name, getattr(new, name))
    session.data.close()
