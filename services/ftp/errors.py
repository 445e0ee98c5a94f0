"""FTPError, the reply that a handler raises, and the replies to OSErrors."""

from micropython import const

from services.borrow import reason

NO_MEMORY = (451, "Not enough memory just now; try again.")
NOT_FOUND = (550, "No such file or directory.")  # in the heap: clients often ask for missing files
# Numbers, because MicroPython's errno lacks half of the names on some ports.
_EPERM = const(1)
_ENOENT = const(2)
_ENOMEM = const(12)
_EACCES = const(13)
_EEXIST = const(17)
_ENOTDIR = const(20)
_EISDIR = const(21)
_EINVAL = const(22)
_ENOSPC = const(28)
_EROFS = const(30)
_ENOTEMPTY = const(39)


class FTPError(Exception):
    """A reply as an exception: FTPError(code, text)."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.reply = (code, text)


def reply_to(error):
    """Return the reply (code, text) to an exception of a handler."""
    if isinstance(error, FTPError):
        return error.reply
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, OSError):
        return _reply_to_number(error.errno) or (451, _in_words(error))
    text = "Internal error, please report it: %s: %s"  # hot: it says more than its number
    return 451, text % (type(error).__name__, error)


def _reply_to_number(number):
    """Return the reply (code, text) to an errno of the file system; None for others."""
    if number == _ENOENT:
        return NOT_FOUND
    if number == _ENOMEM:  # of the file system; the network's is handled where it occurs
        return NO_MEMORY
    if number == _EPERM or number == _EACCES:
        return 550, "The file system does not permit that."
    if number == _EEXIST:
        return 550, "There is something of that name already."
    if number == _ENOTDIR:
        return 550, "A part of that path is not a directory."
    if number == _EISDIR:
        return 550, "That is a directory."
    if number == _EINVAL:
        return 553, "The file system does not take that name or operation."
    if number == _ENOSPC:
        return 552, "No space left; nothing was changed. SITE DF shows what is free."
    if number == _EROFS:
        return 550, "The file system is read-only."
    if number == _ENOTEMPTY:
        return 550, "The directory is not empty."
    return None


def _in_words(error):
    """Return the text for any other OSError."""
    # reason() has words for network errors, and keeps texts of our own, such as SITE ntp's.
    text = reason(error)
    if text.startswith("error "):
        text = "The file system failed: " + text
    return text + "."
