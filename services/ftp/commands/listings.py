"""Listings: LIST, NLST, MLSD; also the lines of STAT with a path."""

import os

from services.borrow import use
from services.ftp.data.pump import send_lines
from services.ftp.errors import FTPError
from services.ftp.files import paths
from services.ftp.files.disk import is_dir, stat_of
from services.ftp.files.listing import KIND, TIME, entries, formatter

_RARE = "RtdF"  # flags of ls that have an effect: services/ftp/commands/walk.py


def folder_lines(session, path, line_of, pattern=None, needs=TIME):
    """Return entries() of a folder, as this user may see them. Raises FTPError 550, OSError."""
    if not is_dir(os.stat(path)):
        raise FTPError(550, "Not a directory.")
    server = session.server
    shows = None
    # Most folders have no hidden entries: then entries are not checked.
    if path == "/" or session.account.role == "read" or server.is_around(session, path):

        def shows(inner):
            return server.may_see(session, inner)

    return entries(path, line_of, pattern, shows, needs)


def lines_of(session, arg, line_of, needs=TIME, prefix=""):
    """Return the lines for arg: a folder's entries, a file, or a glob. Raises FTPError, OSError.

    prefix: text before the name of a file, and before names that a glob matches.
    """
    prefix = prefix.encode()

    def named(name, found):
        return line_of(prefix + name, found)

    where = paths.resolve(session.cwd, arg)
    folder, name = paths.split(where)
    path = session.path(arg)
    try:
        found = stat_of(path)
    except OSError:
        if not paths.is_glob(where):
            raise
    else:  # a path that exists is not a glob
        if is_dir(found):
            return folder_lines(session, path, line_of, None, needs)
        return (named(name.encode(), found),)
    try:
        return folder_lines(session, session.path(folder), named, name, needs)
    except OSError:
        if not paths.is_glob(folder):
            raise
    return use("services.ftp.commands.walk").globbed(session, where, arg, line_of, needs)


def asked(arg):
    """Return (flags, path) of an argument: `-la /lib`, or `-- -x` for a file named -x."""
    flags = ""
    while arg.startswith("-") and not arg.startswith("- ") and arg != "-":
        word, _, arg = arg.partition(" ")
        if word == "--":
            break
        flags += word
        arg = arg.lstrip()
    return flags, arg


def _send(session, verb, arg, line_of, needs=TIME, prefix=""):
    """Start the transfer of a listing, entry by entry."""
    flags, arg = asked(arg)
    notes = []  # remarks for the final reply
    if any(flag in flags for flag in _RARE):
        flagged = use("services.ftp.commands.walk").flagged
        lines = flagged(session, flags, arg, line_of, needs, prefix, notes)
    else:
        lines = lines_of(session, arg, line_of, needs, prefix)
    return _start(session, verb, arg, lines, notes)


def _start(session, verb, arg, lines, notes=()):
    async def work(transfer):
        sock = await session.data.open(session.address)
        transfer.connected = True
        await send_lines(sock, lines, transfer.buffer, transfer)
        return 226, notes[0] if notes else "Listing sent."

    return session.start(verb, session.path(arg), work)


async def LIST(session, arg):
    """RFC 959 section 4.1.3, in the format of `ls -l`."""
    return _send(session, "LIST", arg, formatter(session).unix)


async def NLST(session, arg):
    """RFC 959 section 4.1.3: only names, with the path as requested (`mget lib/*.py`)."""
    path = asked(arg)[1]
    return _send(session, "NLST", arg, _name, KIND, path[: path.rfind("/") + 1])


def _name(name, found):
    return b"%s\r\n" % name


async def MLSD(session, path):
    """RFC 3659 section 7: a folder's entries for machines."""
    if not is_dir(os.stat(path)):
        return 501, "Not a directory; MLST tells of a file."
    facts = use("services.ftp.files.facts").Facts(session, path)
    lines = folder_lines(session, path, facts.line, None, facts.needs)
    return _start(session, "MLSD", session.shown(path), lines)
