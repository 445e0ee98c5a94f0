"""Standard: HELP, MODE, STRU, ALLO: of RFC 959, seldom asked for."""

import os

from services.ftp.commands import ARG, COMMANDS, PATH, flags_of

_HELP_COLUMNS = 8


async def HELP(session, arg):
    """RFC 959 section 4.1.3: all commands, one command, or SITE's."""
    arg = arg.upper()
    if arg == "SITE":
        return 214, session.server.site.usages(session.is_admin())
    if arg:
        if arg not in COMMANDS:
            return 501, "Unknown command %s." % arg
        flags = flags_of(arg)
        kind = "path" if flags & PATH else "argument"
        return 214, "Syntax: %s <%s>" % (arg, kind) if flags & (ARG | PATH) else "Syntax: " + arg
    return 214, _help_lines()


def _help_lines():
    verbs = sorted(COMMANDS)
    yield "Commands:"
    for i in range(0, len(verbs), _HELP_COLUMNS):
        yield " ".join(["%-4s" % verb for verb in verbs[i : i + _HELP_COLUMNS]])


async def MODE(session, arg):
    """RFC 959 section 3.4: stream mode alone."""
    return (200, "Mode is S.") if arg.upper() == "S" else (504, "MODE takes S.")


async def STRU(session, arg):
    """RFC 959 section 3.1.2: file structure alone."""
    return (200, "Structure is F.") if arg.upper() == "F" else (504, "STRU takes F.")


async def ALLO(session, arg):
    """RFC 959 section 4.1.3: is there room for so many bytes?"""
    try:
        wanted = int(arg.split()[0])
    except ValueError:
        return 501, "ALLO takes a number of bytes."
    found = os.statvfs(session.path(""))
    if wanted > found[0] * found[3]:
        return 552, "Only %d bytes are free." % (found[0] * found[3])
    return 202, "There is room."
