"""Operator: the SITE commands of FTPdLite; loaded when one is used."""

import gc
import json
from time import gmtime

from asyncio import core
from micropython import const

import hal
from services.borrow import borrow, use
from services.ftp.files.disk import mounts

_TEXT = const("services.status_text")


def _kib(size):
    return "%dKiB" % ((size + 512) // 1024)


def df(server, arg):
    """Yield lines for each mounted file system, or only for the one that holds a folder."""
    yield "Filesystem        Size        Used       Avail   Use%"
    for path in (_asking(server).path(arg),) if arg else mounts():
        if path == "/.o":
            continue  # the archive of Outpost's modules, a file on flash
        free, size = hal.room(path)
        used = size - free
        percent = (100 * used + size - 1) // size if size else 0
        name = "flash" if path == "/" else path
        row = (name, _kib(size), _kib(used), _kib(free), percent)
        yield "%-10s %11s %11s %11s   %3d%%" % row


def free(server, arg):
    """Yield lines with the heap's total, used and free memory."""
    gc.collect()
    free = gc.mem_free()
    used = gc.mem_alloc()
    yield "         Total       Used      Avail"
    yield "Mem: %9s %10s %10s" % (_kib(free + used), _kib(used), _kib(free))


def collect(server, arg):
    """Collect garbage; return how much that freed, as text."""
    before = gc.mem_free()
    gc.collect()
    return "Additional %s available." % _kib(max(0, gc.mem_free() - before))


async def hashpass(server, arg):
    """Return the text to write into config.json for a password."""
    if not arg:
        raise ValueError("Usage: SITE hashpass <password>")
    return await borrow("services.ftp.access.pbkdf2", "hash_password")(arg)


def uptime(server, arg):
    """Return text like that of `uptime`. Setting the clock doesn't change the uptime."""
    now = gmtime(hal.unix_time() + server.utc_offset_s() - hal.EPOCH)
    up = use(_TEXT).span_text(server.status.section("board").get("uptime_s", 0))
    users = len(server.sessions)
    text = "%04d-%02d-%02d %02d:%02d up %s, %d user%s"
    return text % (now[:5] + (up, users, "" if users == 1 else "s"))


def who(server, arg):
    """Yield a line for each session. Readers see only their own, only admins see others' paths."""
    asking = _asking(server)
    yield "  #  user          address          doing"
    for session in (asking,) if _reads(asking) else server.sessions:
        transfer = session.transfer
        doing = "idle"
        if transfer:
            path = transfer.path if session is asking or asking.is_admin() else "a file"
            doing = "%s %s, %d bytes" % (transfer.verb, path, transfer.bytes)
        user = session.user if session.account else "(login)"
        line = "%3d  %-12s  %-15s  %s" % (session.number, user, session.address, doing)
        yield line + "  (%s)" % session.client if session.client else line


def kick(server, arg):
    """End the sessions of a number, user or address, except the operator's own."""
    if not arg:
        raise ValueError("Usage: SITE kick <number|user|address>; SITE who tells")
    kicked = 0
    for session in list(server.sessions):
        if session is _asking(server):
            continue
        if arg in (str(session.number), session.user, session.address):
            session.end(421, "Ended by an operator.")
            kicked += 1
    if not kicked:
        raise ValueError("Nobody else is %s; SITE who tells." % arg)
    return "Kicked %s: %d session%s." % (arg, kicked, "" if kicked == 1 else "s")


def status(server, arg):
    """Yield lines of JSON for programs, each an object with one section; values are exact."""
    sections = server.status.items()
    if _reads(_asking(server)):
        sections = use(_TEXT).health(sections)
    for name, section in sections:
        yield json.dumps({name: section})


def usages(commands, admin):
    """Yield the usage of each SITE command that this user may call, sorted by name."""
    # Load each module only once: that takes longest.
    rare = {"services.ftp.commands.operator": COMMANDS}
    for name in sorted(commands):
        entry = commands[name]
        if len(entry) == 2:
            module = entry[0]
            if module not in rare:
                rare[module] = borrow(module, "COMMANDS")
            entry = rare[module][name]
        if admin or not entry[2]:
            yield entry[1]


def unlock(server, arg):
    """Lift the lock-out of an address; without one, list the addresses that are locked out."""
    guard = server.guard
    if arg:
        if not guard or not guard.forgive(arg):
            raise ValueError("Nothing is held against %s." % arg)
        return "%s may try again." % arg
    locked = list(guard.locked()) if guard else ()
    return ["%s for %d s more" % found for found in locked] or "Nobody is locked out."


def _reads(session):
    """Whether the session's user has the role read, as an anonymous user has."""
    return session is not None and session.account.role == "read"


def _asking(server):
    """Return the session of the operator who called the command."""
    for session in server.sessions:
        if session.task is core.cur_task:
            return session
    return None


# name -> (handler(server, arg), usage, only for admins, is a coroutine)
COMMANDS = {
    "df": (df, "df [folder]: file systems, their size and free space", False, False),
    "free": (free, "free: the heap", False, False),
    "gc": (collect, "gc: collect garbage", False, False),
    "hashpass": (hashpass, "hashpass <password>: its hash", False, True),
    "kick": (kick, "kick <number|user|address>: end sessions", True, False),
    "status": (status, "status: what STAT says, as JSON", False, False),
    "unlock": (unlock, "unlock [address]: lift a lock-out, or list them", True, False),
    "uptime": (uptime, "uptime: time, days up, sessions", False, False),
    "who": (who, "who: sessions and what they do", False, False),
}
