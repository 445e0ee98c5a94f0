"""The FTP commands: what each needs, and the module of its handler.

A verb's handler is the `async def VERB(session, arg)` of the same name in its module. It returns a
reply (code, text or an iterable of lines), or None if it has sent the reply itself.
"""

import sys

from micropython import const

from services.borrow import use

# Flags: what is checked before a handler runs.
ARG = b"a"  # an argument is required
PATH = b"p"  # the argument is a path: the handler gets the file system's path
WRITE = b"w"  # requires a role that may write
BEFORE_LOGIN = b"b"  # allowed before login
ANYTIME = b"t"  # allowed during a transfer
# The session defines two more: n, the argument is not a path, so spaces around it are ignored; r,
# the values of REST and ALLO stay valid after it (RFC 3659 section 5).

# Each module and its verbs with their flags. Not a dictionary of all verbs, which took 4 KB, nor
# getattr(), which would intern every verb that a client invents, for ever. As bytes, because
# MicroPython compares each new str with all interned names, 2 us each time.
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
# The modules that login, transfers and SITE shutdown need are loaded with the server and stay,
# because after months the heap may have no room for them. The others are loaded at their first
# use, and unloaded after a while without clients.
_HERE = const("services.ftp.commands.")

_resident = []
_RECENT = const(8)
_recent = {}  # verb -> result of find(), because searching the table is slow


def find(verb):
    """Return (the module of a verb's handler, flags); (None, None) for an unknown verb.

    The module is for handler_of(). verb: as bytes. flags: bytes, any of ARG, PATH and so on.
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
    """Return the handler of a verb. module: as find() returned it. Raises MemoryError."""
    if isinstance(module, str):
        module = sys.modules.get(module) or use(module)
    return getattr(module, verb.decode())


def verbs():
    """Yield every verb, as str."""
    for number in range(len(_TABLE) // 2):
        for word in _TABLE[2 * number + 1].split():
            yield word[: word.find(b":")].decode()


def load_resident():
    """Import the modules that stay loaded: the first ones of the table."""
    from services.ftp.commands import access, site, transfers

    _resident[:] = access, transfers, site
