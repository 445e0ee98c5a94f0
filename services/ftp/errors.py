"""FTPError, the reply that a handler raises, and the reply that each OSError means."""

import errno

_ENOSPC = 28  # MicroPython's errno lacks these names on some ports
_ENOTDIR = 20
_ENOTEMPTY = 39
_EROFS = 30

NO_MEMORY = (451, "Not enough memory just now; try again.")
_REPLIES = {
    errno.ENOENT: (550, "No such file or directory."),
    errno.EEXIST: (550, "There is something of that name already."),
    errno.EISDIR: (550, "That is a directory."),
    errno.EACCES: (550, "The file system does not permit that."),
    errno.EPERM: (550, "The file system does not permit that."),
    errno.EINVAL: (553, "The file system does not take that name or operation."),
    _EROFS: (550, "The file system is read-only."),
    _ENOTDIR: (550, "A part of that path is not a directory."),
    _ENOTEMPTY: (550, "The directory is not empty."),
    _ENOSPC: (552, "No space left; nothing was changed. SITE DF shows what is free."),
}


class FTPError(Exception):
    """A reply in place of a result: FTPError(code, text)."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.reply = (code, text)


def reply_to(error):
    """Return the (code, text) that an exception of a handler means to the client."""
    if isinstance(error, FTPError):
        return error.reply
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, OSError):
        return _REPLIES.get(error.errno) or (451, "The file system failed: error %s." % error)
    return 451, "Internal error, please report it: %s: %s" % (type(error).__name__, error)
