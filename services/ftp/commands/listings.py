"""Listings: LIST, NLST, MLSD, MLST, SIZE, MDTM and STAT with a path."""

import os

import hal
from services.ftp import paths
from services.ftp.commands import PATH, command
from services.ftp.errors import FTPError
from services.ftp.listing import Listing, entries, is_dir, stamp
from services.ftp.pump import send_lines

# MLSD's permissions (RFC 3659 section 7.5.5) of a folder and of a file.
_READER = ("el", "r")
_WRITER = ("cdeflmp", "adfrw")
_LONGEST_TEXT = 65536  # bytes that SIZE counts through for TYPE A


def _listing(session):
    server = session.server
    letters = _READER if session.account.role == "read" else _WRITER
    return Listing(hal.EPOCH, hal.unix_time(), server.utc_offset_s(), letters)


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
    found = os.stat(path)
    return _visible(session, path, None) if is_dir(found) else ((name, found),)


def _visible(session, path, pattern):
    if not is_dir(os.stat(path)):
        raise FTPError(550, "Not a directory.")
    hidden = path == "/" and not session.is_admin()
    for name, found in entries(path, pattern):
        if not (hidden and session.server.is_secret("/" + name)):
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


@command("LIST")
async def long_list(session, arg):
    """RFC 959 section 4.1.3, as `ls -l`."""
    arg = _without_flags(arg)
    return _send(session, "LIST", arg, _listing(session).unix, _found(session, arg))


@command("NLST")
async def name_list(session, arg):
    """RFC 959 section 4.1.3: names alone, as they were asked for (`mget lib/*.py`)."""
    arg = _without_flags(arg)
    prefix = arg[: arg.rfind("/") + 1]
    if prefix and not paths.is_glob(arg) and is_dir(os.stat(session.path(arg))):
        prefix = ""  # a folder's names are its own

    def line_of(name, entry):
        return "%s%s\r\n" % (prefix, name)

    return _send(session, "NLST", arg, line_of, _found(session, arg))


@command("MLSD", PATH, "TVFS")
async def fact_list(session, path):
    """RFC 3659 section 7: a folder's entries for machines."""
    if not is_dir(os.stat(path)):
        return 501, "Not a directory; MLST tells of a file."
    found = _visible(session, path, None)
    return _send(session, "MLSD", session.shown(path), _listing(session).facts, found)


@command("MLST", PATH, "MLST type*;size*;modify*;perm*;")
async def facts(session, path):
    """RFC 3659 section 7: one entry, over the control connection."""
    line = _listing(session).facts(session.shown(path), os.stat(path))
    await session.reply_lines(250, "Facts:", (line.rstrip(),), b" ")


@command("SIZE", PATH, "SIZE")
async def size(session, path):
    """RFC 3659 section 4: what RETR would send, so TYPE A counts line ends."""
    found = os.stat(path)
    if is_dir(found):
        return 550, "That is a directory."
    total = found[6]
    if session.text:
        if total > _LONGEST_TEXT:
            return 550, "Too long to count in TYPE A; use TYPE I."
        total += _line_ends(path)
    return 213, str(total)


def _line_ends(path):
    """How many LFs of a file lack their CR: what TYPE A adds."""
    lacking = 0
    last = b""
    with open(path, "rb") as file:
        while True:
            data = file.read(512)
            if not data:
                return lacking
            lacking += data.count(b"\n") - (last + data).count(b"\r\n")
            last = data[-1:]


@command("MDTM", PATH, "MDTM")
async def modified(session, path):
    """RFC 3659 section 3, in UTC."""
    found = os.stat(path)
    if is_dir(found):
        return 550, "Folders have no time here."
    return 213, stamp(found[8] + hal.EPOCH, hal.EPOCH)


async def status_of(session, arg):
    """STAT with a path: as LIST, over the control connection."""
    arg = _without_flags(arg)
    unix = _listing(session).unix
    lines = (unix(name, entry).rstrip() for name, entry in _found(session, arg))
    await session.reply_lines(213, "Status of %s:" % arg, lines, b"")
