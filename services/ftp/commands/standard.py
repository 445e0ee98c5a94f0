"""Standard: HELP, MODE, STRU, ALLO, ACCT, STOU: rarely used commands of RFC 959."""

from micropython import const

import hal
from services.borrow import borrow
from services.ftp.commands import find, verbs
from services.ftp.commands.transfers import store
from services.ftp.errors import FTPError
from services.ftp.files import paths
from services.ftp.files.disk import taken

_HELP_COLUMNS = const(8)
_MOST_NAMES = const(1000)  # that STOU tries


async def HELP(session, arg):
    """RFC 959 section 4.1.3: all commands, one command, or the SITE commands."""
    verb = arg.strip().upper()
    if verb == "SITE":
        usages = borrow("services.ftp.commands.operator", "usages")
        return 214, usages(session.server.site.commands, session.is_admin())
    if not verb:
        await session.reply_lines(214, "Commands:", _help_lines(), b" ")
        return None
    if find(verb.encode())[0] is None:
        return 501, "There is no command %s; HELP lists those there are." % verb
    return 214, "%s %s" % (verb, borrow("services.ftp.commands.manual", "PAGES").get(verb, ""))


def _help_lines():
    known = sorted(verbs())
    for i in range(0, len(known), _HELP_COLUMNS):
        yield " ".join(["%-4s" % verb for verb in known[i : i + _HELP_COLUMNS]])


def _one_of(arg, good, known, what):
    """Return the reply to a parameter: 504 for others of RFC 959, 501 for unknown ones."""
    arg = arg.upper()
    if arg == good:
        return 200, "%s is %s." % (what, good)
    return (504 if arg in known else 501), "%s is always %s." % (what, good)


async def MODE(session, arg):
    """RFC 959 section 3.4: only stream mode; Z is from draft-preston-ftpext-deflate."""
    return _one_of(arg, "S", ("B", "C", "Z"), "Mode")


async def STRU(session, arg):
    """RFC 959 section 3.1.2: only file structure."""
    return _one_of(arg, "F", ("R", "P"), "Structure")


async def ALLO(session, arg):
    """RFC 959 section 4.1.3: is there room for so many bytes? The next upload checks it again."""
    session.rest = 0
    words = arg.upper().split()
    # `R` and a record size may follow; they mean nothing for files without records.
    if not words[0].isdigit() or (
        words[1:] and not (words[1] == "R" and len(words) == 3 and words[2].isdigit())
    ):
        return 501, "ALLO takes a number of bytes."
    size = int(words[0])
    session.rest = -size
    ensure(size, session.path("x"))
    return 200, "There is room."


def ensure(size, path):
    """Raise FTPError 552 if the folder of a path has no room for so many bytes."""
    free = hal.room(paths.split(path)[0])[0]
    if size > free:
        raise FTPError(552, "Only %d bytes are free." % free)


async def ACCT(session, arg):
    """RFC 959 section 4.1.1: users have no accounts."""
    return 202, "Accounts are not needed here."


async def STOU(session, arg):
    """RFC 959 section 4.1.3 and RFC 1123 section 4.1.2.9: STOR with a free name.

    arg, which clients send though the RFC has none: the name to use if it is free.
    """
    wanted = arg or "upload"
    for number in range(_MOST_NAMES):
        name = "%s.%d" % (wanted, number) if number else wanted
        path = session.path(name)
        if session.server.is_busy(path) or taken(path):
            continue
        session.path(name, True)
        store(session, "STOR", path, 0)  # published like any other upload
        return 150, "FILE: %s" % paths.split(path)[1]
    return 553, "The first %d names are taken." % _MOST_NAMES
