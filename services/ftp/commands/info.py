"""Info: SYST, FEAT, HELP, NOOP, OPTS, STAT: what the server says about itself."""

from services.ftp.commands import ANYTIME, ARG, BEFORE_LOGIN, COMMANDS, FEATURES, PATH, command
from services.ftp.commands.listings import status_of

_HELP_COLUMNS = 8


@command("SYST", BEFORE_LOGIN)
async def system(session, arg):
    """RFC 959 section 4.1.3; the one answer that makes clients parse LIST as `ls -l`."""
    return 215, "UNIX Type: L8"


@command("FEAT", BEFORE_LOGIN)
async def features(session, arg):
    """RFC 2389 section 3."""
    await session.reply_lines(211, "Features:", sorted(FEATURES), b" ")


@command("OPTS", ARG | BEFORE_LOGIN, "UTF8")
async def options(session, arg):
    """RFC 2389 section 4. UTF8 is always on (RFC 2640); MLST's facts are what they are."""
    words = arg.upper().split()
    if words == ["UTF8", "ON"]:
        return 200, "Always in UTF-8."
    if words[0] == "MLST":
        return 200, "MLST OPTS type;size;modify;perm;"
    return 501, "Known options: UTF8 ON, MLST."


@command("NOOP", BEFORE_LOGIN | ANYTIME)
async def nothing(session, arg):
    """RFC 959 section 4.1.3."""
    return 200, "Take your time."


@command("HELP", BEFORE_LOGIN)
async def tell(session, arg):
    """RFC 959 section 4.1.3: all commands, one command, or SITE's."""
    arg = arg.upper()
    if arg == "SITE":
        return 214, session.server.site.usages(session.is_admin())
    if arg:
        if arg not in COMMANDS:
            return 501, "Unknown command %s." % arg
        flags = COMMANDS[arg][1]
        kind = "path" if flags & PATH else "argument"
        return 214, "Syntax: %s <%s>" % (arg, kind) if flags & (ARG | PATH) else "Syntax: " + arg
    return 214, _help_lines()


def _help_lines():
    verbs = sorted(COMMANDS)
    yield "Commands:"
    for i in range(0, len(verbs), _HELP_COLUMNS):
        yield " ".join(["%-4s" % verb for verb in verbs[i : i + _HELP_COLUMNS]])


@command("STAT", ANYTIME)
async def status(session, arg):
    """RFC 959 section 4.1.3: the board's health, or a path as LIST shows it."""
    if arg:
        return await status_of(session, arg)
    return 211, _status_lines(session)


def _status_lines(session):
    server = session.server
    board = server.status.section("board")
    yield "Outpost %s (%s)" % (board.get("version"), board.get("firmware"))
    yield "Connected to: %s" % board.get("name")
    yield "Logged in as: %s (%s, from %s)" % (session.user, session.account.role, session.address)
    kind = "A" if session.text else "I"
    yield "TYPE: %s, FORM: Nonprint; STRUcture: File; transfer MODE: Stream" % kind
    transfer = session.transfer
    if transfer:
        yield "%s %s: %d bytes so far" % (transfer.verb, transfer.path, transfer.bytes)
    if not server.status.section("time").get("set"):
        yield "The clock is not set: times are not real"
    for line in server.status.lines():
        yield line
