"""Rarely used texts: the build moves them from the modules into a file on flash.

host/outpost/bundle/texts.py says which ones. With --source and in firmware the texts stay in the
modules, and this module is not used.
"""

from micropython import const

_TEXTS = const(0)  # the first bytes of this bundle's file; the build writes them here


def text_at(place, values=()):
    """Return the text that begins at that byte of the file, % values. Never raises.

    Returns `text PLACE` if the text can't be read: the file is missing, damaged or of another
    bundle, or there is no memory. `outpost explain` translates that.
    """
    try:
        with open(__file__[: __file__.rfind("/")] + "/texts", "rb") as file:  # beside this module
            # Seek relative to here: within the archive, the file doesn't begin at 0.
            if int(file.read(8), 16) == _TEXTS:
                file.seek(place, 1)
                text, _ = file.readline().decode().split("\n")  # fails if the line is cut
                return text % values
    except Exception:
        pass  # better a reply without its text than none
    try:
        return "text %d" % place if values == () else "text %d: %s" % (place, values)
    except MemoryError:
        return "text"
