"""The FTP commands: what each one needs, and which module has its handler.

A verb's handler is the `async def VERB(session, arg)` of that very name in its module. It returns
a reply (code, text or an iterable of lines), or None where it has replied itself.
"""

import gc
import sys

from micropython import const

from services.borrow import forget

ARG = 1  # an argument must be there
PATH = 2  # the argument is a path: the handler is given the file system's
WRITE = 4  # needs a role that may write
ADMIN = 8  # needs the role admin
BEFORE_LOGIN = 16  # may come before login
ANYTIME = 32  # may run during a transfer
_FLAGS = const(63)
_MODULE = const(64)  # a verb's module is its entry divided by this: an index of _MODULES

# What a transfer needs is loaded with the server and stays: after months a heap may have no room
# for it. The others come at their first use and go when nobody has been here for a while.
_MODULES = (
    "access",
    "transfers",
    "site",
    "listings",
    "info",
    "tree",
    "files",
    "active",
    "standard",
    "security",
    "hashing",
)
_RESIDENT = const(3)
_HELPERS = ("listing", "facts", "times", "text")  # what those use(); it goes with them
_ACCESS = const(0 * _MODULE)
_TRANSFERS = const(1 * _MODULE)
_SITE = const(2 * _MODULE)
_LISTINGS = const(3 * _MODULE)
_INFO = const(4 * _MODULE)
_TREE = const(5 * _MODULE)
_FILES = const(6 * _MODULE)
_ACTIVE = const(7 * _MODULE)
_STANDARD = const(8 * _MODULE)
_SECURITY = const(9 * _MODULE)
_HASHING = const(10 * _MODULE)

# A dict and not getattr(): that would intern every verb that a client invents, for ever.
COMMANDS = {
    "USER": _ACCESS | ARG | BEFORE_LOGIN,
    "PASS": _ACCESS | BEFORE_LOGIN,
    "REIN": _ACCESS | BEFORE_LOGIN,
    "QUIT": _ACCESS | BEFORE_LOGIN | ANYTIME,
    "TYPE": _TRANSFERS | ARG,
    "PASV": _TRANSFERS,
    "EPSV": _TRANSFERS,
    "REST": _TRANSFERS | ARG,
    "RETR": _TRANSFERS | ARG,
    "STOR": _TRANSFERS | ARG | WRITE,
    "APPE": _TRANSFERS | ARG | WRITE,
    "ABOR": _TRANSFERS | BEFORE_LOGIN | ANYTIME,
    "LIST": _LISTINGS,
    "NLST": _LISTINGS,
    "MLSD": _LISTINGS | PATH,
    "SITE": _SITE | ARG,
    "SYST": _INFO | BEFORE_LOGIN,
    "FEAT": _INFO | BEFORE_LOGIN,
    "OPTS": _INFO | ARG | BEFORE_LOGIN,
    "CLNT": _INFO | ARG | BEFORE_LOGIN,
    "NOOP": _INFO | BEFORE_LOGIN | ANYTIME,
    "STAT": _INFO | ANYTIME,
    "PWD": _TREE,
    "XPWD": _TREE,
    "CWD": _TREE | ARG | PATH,
    "XCWD": _TREE | ARG | PATH,
    "CDUP": _TREE,
    "XCUP": _TREE,
    "MKD": _TREE | ARG | WRITE,
    "XMKD": _TREE | ARG | WRITE,
    "RMD": _TREE | ARG | PATH | WRITE,
    "XRMD": _TREE | ARG | PATH | WRITE,
    "DELE": _TREE | ARG | PATH | WRITE,
    "RNFR": _TREE | ARG | WRITE,
    "RNTO": _TREE | ARG | WRITE,
    "SIZE": _FILES | PATH,
    "MDTM": _FILES | ARG,
    "MFMT": _FILES | ARG | WRITE,
    "MLST": _FILES | PATH,
    "AVBL": _FILES | PATH,
    "PORT": _ACTIVE | ARG,
    "EPRT": _ACTIVE | ARG,
    "HELP": _STANDARD | BEFORE_LOGIN,
    "MODE": _STANDARD | ARG,
    "STRU": _STANDARD | ARG,
    "ALLO": _STANDARD | ARG,
    "ACCT": _STANDARD | ARG,
    "STOU": _STANDARD | WRITE,
    "AUTH": _SECURITY | ARG | BEFORE_LOGIN,
    "PBSZ": _SECURITY | ARG | BEFORE_LOGIN,
    "PROT": _SECURITY | ARG | BEFORE_LOGIN,
    "CCC": _SECURITY | BEFORE_LOGIN,
    "HASH": _HASHING | ARG,
    "RANG": _HASHING | ARG,
}

_loaded = [None] * len(_MODULES)


def flags_of(verb):
    """The flags of a verb, None where there is no such command."""
    entry = COMMANDS.get(verb)
    return None if entry is None else entry & _FLAGS


def handler_of(verb):
    """The handler of a known verb; its module is imported where it isn't yet: MemoryError."""
    number = COMMANDS[verb] // _MODULE
    return getattr(_loaded[number] or _load(number), verb)


def load_resident():
    """Import the modules that stay."""
    for number in range(_RESIDENT):
        _load(number)


def use(name):
    """Return a module of services.ftp that goes when those of rare commands go; MemoryError.

    Where it doesn't fit, the modules of other commands make room; what runs keeps its own.
    """
    name = "services.ftp." + name
    if name in sys.modules:
        return sys.modules[name]
    gc.collect()  # a module wants its memory in larger pieces than most
    try:
        return __import__(name, None, None, ("*",))
    except MemoryError:
        release()
        gc.collect()
        return __import__(name, None, None, ("*",))


def release():
    """Let go of the modules that don't stay."""
    for number in range(_RESIDENT, len(_MODULES)):
        _loaded[number] = None
        forget("services.ftp.commands." + _MODULES[number])
    for name in _HELPERS:
        forget("services.ftp." + name)


def _load(number):
    _loaded[number] = module = use("commands." + _MODULES[number])
    return module
