"""Info: SYST, FEAT, OPTS, CLNT, NOOP, STAT: what the server reports about itself."""

import hashlib
from time import gmtime

from micropython import const

import hal
from hal import elapsed
from services.borrow import use

_HASHES = const(("SHA-256", "SHA-1", "MD5"))
_WIDTH = const(72)  # characters of one problem's line
_LONGEST_CLIENT = const(40)  # characters of CLNT's argument that are stored


async def SYST(session, arg):
    """RFC 959 section 4.1.3. This reply makes clients parse LIST as `ls -l`."""
    return 215, "UNIX Type: L8"


async def FEAT(session, arg):
    """RFC 2389 section 3."""
    await session.reply_lines(211, "Features:", _features(session), b" ")


def _features(session):
    """Yield the features of this session now, also before its login."""
    tls = session.server.tls
    if tls and not tls.broken:
        yield "AUTH TLS"
    yield "AVBL"
    yield "CLNT"
    yield "EPRT"
    yield "EPSV"
    yield "HASH " + ";".join([_starred(name, name == session.hash) for name in _hashes()])
    yield "MDTM"
    if not session.account or session.account.role != "read":
        yield "MFMT"
    # Loaded here, not at import, because STAT should still work when the heap is full.
    facts = use("services.ftp.files.facts").FACTS
    chosen = facts if session.facts is None else session.facts
    yield "MLST " + "".join([_starred(fact, fact in chosen) + ";" for fact in facts])
    if tls and not tls.broken:
        yield "PBSZ"
        yield "PROT"
    yield "RANG STREAM"
    yield "REST STREAM"
    yield "SIZE"
    yield "TVFS"
    yield "UTF8"


def _starred(name, chosen):
    return name + "*" if chosen else name


def _hashes():
    """Return the algorithms that this firmware has."""
    return [name for name in _HASHES if hasattr(hashlib, name.replace("-", "").lower())]


async def OPTS(session, arg):
    """RFC 2389 section 4: UTF8, always on (RFC 2640); facts of MLST; algorithm of HASH."""
    words = arg.upper().split()
    option = words[0] if words else ""
    if words in (["UTF8"], ["UTF8", "ON"]):
        return 200, "Always in UTF-8."
    if option == "MLST":
        return 200, _choose_facts(session, "".join(words[1:]).lower().split(";"))
    if option == "HASH" and len(words) <= 2:
        if words[-1] in _hashes():
            session.hash = words[-1]
        elif len(words) == 2:
            return 501, "Unknown algorithm, %s stays. There are %s." % (
                session.hash,
                ", ".join(_hashes()),
            )
        return 200, session.hash
    return 501, "Known options: UTF8 ON, MLST, HASH."


def _choose_facts(session, wanted):
    """RFC 3659 section 7.9: ignore unknown facts; return the text of the reply."""
    known = use("services.ftp.files.facts").FACTS
    session.facts = tuple([fact for fact in known if fact in wanted])
    return ("MLST OPTS " + "".join([fact + ";" for fact in session.facts])).rstrip()


async def CLNT(session, arg):
    """No RFC: the client's name, shown by SITE who."""
    session.client = arg[:_LONGEST_CLIENT]
    return 200, "Noted."


async def NOOP(session, arg):
    """RFC 959 section 4.1.3."""
    return 200, "Take your time."


async def STAT(session, arg):
    """RFC 959 section 4.1.3: the board's health, or a path in the format of LIST."""
    if arg:
        return await _listed(session, arg)
    return 211, _status_lines(session)


async def _listed(session, arg):
    """Like LIST, over the control connection; RFC 959: 212 for folders, 213 for files."""
    from services.ftp.commands.listings import asked, lines_of
    from services.ftp.files.listing import formatter

    path = asked(arg)[1]
    lines = lines_of(session, path, formatter(session).unix)
    code = 213 if isinstance(lines, tuple) else 212
    # RFC 959 section 4.2: no line may begin with the code and a space; these begin with - or d.
    lines = (line and line[:-2] for line in lines)
    await session.reply_lines(code, "Status of %s:" % path, lines, b"")


def _progress(transfer):
    """Return how far a transfer is, and its speed since the 150."""
    done = transfer.bytes
    line = "%s %s: %d bytes so far" % (transfer.verb, transfer.path, done)
    if transfer.total is not None:
        line += " of %d" % transfer.total
    return "%s, %d bytes/s" % (line, done * 1000 // max(1, elapsed(transfer.began)))


def _status_lines(session):
    server = session.server
    board = server.status.section("board")
    text = use("services.status_text")
    now = gmtime(hal.unix_time() + server.utc_offset_s() - hal.EPOCH)
    yield "System date: %04d-%02d-%02d %02d:%02d:%02d" % now[:6]
    yield "Uptime: " + text.days_text(board.get("uptime_s", 0))
    yield "Number of users: %d" % len(server.sessions)
    wrong = list(text.troubles(_sections(session, text)))
    yield "Health: " + ("look below" if wrong else "all well")
    for one in wrong:
        yield "! " + text.plain(one[:_WIDTH])
    yield "Outpost %s (%s)" % (board.get("outpost"), board.get("firmware"))
    if board.get("application"):
        yield text.plain("Application %s" % board["application"])
    yield "Connected to: %s" % board.get("name")
    yield "Logged in as: %s (%s, from %s)" % (session.user, session.account.role, session.address)
    kind = "A" if session.text else "I"
    yield "TYPE: %s, FORM: Nonprint; STRUcture: File; transfer MODE: Stream" % kind
    transfer = session.transfer
    if transfer:
        yield _progress(transfer)
    for line in text.lines(_sections(session, text)):
        yield line


def _sections(session, text):
    """Return the names and dicts of the status that this user may see."""
    sections = session.server.status.items()
    return text.health(sections) if session.account.role == "read" else sections
