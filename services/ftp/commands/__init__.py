"""The FTP commands: what each one needs, and which module has its handler.

A verb's handler is the `async def VERB(session, arg)` of that very name in its module. It returns
a reply (code, text or an iterable of lines), or None where it has replied itself.
"""

import sys

from micropython import const

from services.borrow import use

# What is checked before a handler runs.
ARG = b"a"  # an argument must be there
PATH = b"p"  # the argument is a path: the handler is given the file system's
WRITE = b"w"  # needs a role that may write
BEFORE_LOGIN = b"b"  # may come before login
ANYTIME = b"t"  # may run during a transfer
# Two that the session knows as constants: n, the argument is no path, so blanks around it mean
# nothing; r, what REST or ALLO said holds beyond it (RFC 3659 section 5).

# Each module, and its verbs with what is checked for them. No dictionary of all verbs, which took
# 4 KB; and not getattr(), which would intern every verb that a client invents, for ever. As bytes:
# MicroPython looks for each new text among all the names that it knows, 2 us each time.
_TABLE = (
    "access",
    b" USER:abn PASS:b REIN:b QUIT:bt ",
    "transfers",
    b" TYPE:anr PASV:r EPSV:nr REST:anr RETR:a STOR:aw APPE:aw ABOR:bt ",
    "site",
    b" SITE:an ",
    "listings",
    b" LIST: NLST: MLSD:p ",
    "info",
    b" SYST:b FEAT:b OPTS:abn CLNT:abn NOOP:bt STAT:t ",
    "tree",
    b" PWD: XPWD: CWD:ap XCWD:ap CDUP: XCUP: MKD:aw XMKD:aw RMD:apw XRMD:apw DELE:apw RNFR:aw"
    b" RNTO:aw ",
    "files",
    b" SIZE:p MDTM:a MFMT:aw MLST:p AVBL:p ",
    "active",
    b" PORT:anr EPRT:anr ",
    "standard",
    b" HELP:bn MODE:an STRU:an ALLO:anr ACCT:an STOU:w ",
    "security",
    b" AUTH:abn PBSZ:abn PROT:abnr CCC:b ",
    "hashing",
    b" HASH:a RANG:an ",
)
# What a login, a transfer and SITE shutdown need is loaded with the server and stays: after months
# a heap may have no room for it. The others come at their first use and go when nobody has been
# here for a while.
_HERE = const("services.ftp.commands.")

_resident = []
_RECENT = const(8)
_recent = {}  # verb -> what find() returned: the table is gone through a byte at a time


def find(verb):
    """(the module that has the handler of a verb, flags); (None, None): there is none.

    The module: for handler_of(). verb: as bytes; flags: what is checked before it runs, bytes of
    ARG, PATH and so on.
    """
    found = _recent.get(verb)
    if found:
        return found
    wanted = b" %s:" % verb
    for number in range(len(_TABLE) // 2):
        known = _TABLE[2 * number + 1]
        start = known.find(wanted)
        if start >= 0:
            start += len(wanted)
            stays = number < len(_resident)
            module = _resident[number] if stays else _HERE + _TABLE[2 * number]
            found = module, known[start : known.find(b" ", start)]
            if len(_recent) >= _RECENT:
                _recent.clear()
            _recent[verb] = found
            return found
    return None, None


def handler_of(module, verb):
    """The handler of a verb. module: one, or the name of one that comes late; MemoryError."""
    if isinstance(module, str):
        module = sys.modules.get(module) or use(module)
    return getattr(module, verb.decode())


def verbs():
    """Yield every verb, as text."""
    for number in range(len(_TABLE) // 2):
        for word in _TABLE[2 * number + 1].split():
            yield word[: word.find(b":")].decode()


def load_resident():
    """Import the modules that stay: the first ones of the table."""
    from services.ftp.commands import access, site, transfers

    _resident[:] = access, transfers, site
