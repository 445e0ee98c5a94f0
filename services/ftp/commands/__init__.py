"""The FTP commands: one registry that dispatch, HELP and FEAT read."""

ARG = 1  # an argument must be there
PATH = 2  # the argument is a path: the handler is given the file system's
WRITE = 4  # needs a role that may write
ADMIN = 8  # needs the role admin
BEFORE_LOGIN = 16  # may come before login
ANYTIME = 32  # may run during a transfer

# verb -> (handler, flags). A dict and not getattr(): that would intern every verb that a client
# invents, for ever.
COMMANDS = {}
FEATURES = []  # the lines of FEAT


def command(verbs, flags=0, feat=None):
    """Register `async handler(session, arg)` for one or more verbs; feat: a line for FEAT.

    It returns a reply (code, text or iterable of lines), or None where it has replied.
    """

    def register(handler):
        entry = (handler, flags)
        for verb in verbs.split():
            COMMANDS[verb] = entry
        if feat:
            FEATURES.append(feat)
        return handler

    return register


# Each module registers its commands when it is imported.
from services.ftp.commands import access, info, listings, site, transfers, tree  # noqa: E402, F401
