"""Listings: LIST, NLST, MLSD and STAT with a path."""

import os

from services.ftp import paths
from services.ftp.errors import FTPError
from services.ftp.listing import entries, formatter, is_dir, stat_of
from services.ftp.pump import send_lines


def _without_flags(arg):
    """What `-la /lib` asks for; clients send `ls` options, which all mean the same here."""
    while arg.startswith("-"):
        arg = arg.partition(" ")[2].lstrip()
    return arg


def _found(session, arg):
    """Return an iterable of (name, stat) for a folder, a file or a glob; OSError where none."""
    folder, name = paths.split(paths.resolve(session.cwd, arg))
    if paths.is_glob(name):
        return _visible(session, session.path(folder), name)
    path = session.path(arg)
    found = stat_of(path)
    return _visible(session, path, None) if is_dir(found) else ((name, found),)


def _visible(session, path, pattern):
    if not is_dir(os.stat(path)):
        raise FTPError(550, "Not a directory.")
    sees = session.server.may_see
    folder = paths.join(path, "")
    for name, found in entries(path, pattern):
        if sees(session, folder + name):
            yield name, found


def _send(session, verb, arg, line_of, found):
    """Start the transfer of a listing, entry by entry."""

    async def work(transfer):
        sock = await session.data.open()
        transfer.connected = True
        lines = (line_of(name, entry) for name, entry in found)
        await send_lines(sock, lines, transfer.buffer, transfer)
        return 226, "Listing sent."

    return session.start(verb, session.path(arg), work)


async def LIST(session, arg):
    """RFC 959 section 4.1.3, as `ls -l`."""
    arg = _without_flags(arg)
    return _send(session, "LIST", arg, formatter(session).unix, _found(session, arg))


async def NLST(session, arg):
    """RFC 959 section 4.1.3: names alone, as they were asked for (`mget lib/*.py`)."""
    arg = _without_flags(arg)
    prefix = arg[: arg.rfind("/") + 1]
    if prefix and not paths.is_glob(arg) and is_dir(os.stat(session.path(arg))):
        prefix = ""  # a folder's names are its own

    def line_of(name, entry):
        return "%s%s\r\n" % (prefix, name)

    return _send(session, "NLST", arg, line_of, _found(session, arg))


async def MLSD(session, path):
    """RFC 3659 section 7: a folder's entries for machines."""
    if not is_dir(os.stat(path)):
        return 501, "Not a directory; MLST tells of a file."
    found = _visible(session, path, None)
    from services.ftp.facts import Facts  # let go with the last session

    return _send(session, "MLSD", session.shown(path), Facts(session, path).line, found)


async def status_of(session, arg):
    """STAT with a path: as LIST, over the control connection."""
    arg = _without_flags(arg)
    unix = formatter(session).unix
    lines = (unix(name, entry).rstrip() for name, entry in _found(session, arg))
    await session.reply_lines(213, "Status of %s:" % arg, lines, b"")
