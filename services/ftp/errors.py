"""FTPError, the reply that a handler raises, and the reply that each OSError means."""

from micropython import const

from services.borrow import reason

_ENOMEM = const(12)
NO_MEMORY = (451, "Not enough memory just now; try again.")

# errno, code, text: as one text, where a dictionary took 1.2 KB more. By number: MicroPython's
# errno lacks half of the names on some ports.
_REPLIES = """
1 550 The file system does not permit that.
2 550 No such file or directory.
13 550 The file system does not permit that.
17 550 There is something of that name already.
20 550 A part of that path is not a directory.
21 550 That is a directory.
22 553 The file system does not take that name or operation.
28 552 No space left; nothing was changed. SITE DF shows what is free.
30 550 The file system is read-only.
39 550 The directory is not empty.
"""


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
        if error.errno == _ENOMEM:  # the file system's; the network's is told where it happens
            return NO_MEMORY
        start = _REPLIES.find("\n%s " % error.errno)
        if start < 0:
            # What is known in words is the network's, or has a text of ours: SITE ntp's, say.
            text = reason(error)
            if text.startswith("error "):
                text = "The file system failed: " + text
            return 451, text + "."
        _, code, text = _REPLIES[start + 1 : _REPLIES.find("\n", start + 1)].split(" ", 2)
        return int(code), text
    return 451, "Internal error, please report it: %s: %s" % (type(error).__name__, error)
