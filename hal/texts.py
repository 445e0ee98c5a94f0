"""Texts that are seldom told: the build moves them from the modules into a file on flash.

host/outpost/bundle/texts.py says which ones. Source and firmware keep theirs in their modules,
so nothing calls this there.
"""

from micropython import const

_TEXTS = const(0)  # what the file of this bundle begins with; the build writes it here


def text_at(place, values=()):
    """The text that begins at that byte of the file, % values. Never raises.

    `text PLACE` where it can't be read: the file is missing, damaged or another bundle's, or there
    is no memory. `outpost explain` knows what it means.
    """
    try:
        with open(__file__[: __file__.rfind("/")] + "/texts", "rb") as file:  # it lies beside this
            # From where it stands: an archive's file begins within a larger one.
            if int(file.read(8), 16) == _TEXTS:
                file.seek(place, 1)
                text, _ = file.readline().decode().split("\n")  # else it was cut
                return text % values
    except Exception:
        pass  # a reply without its text is better than none
    try:
        return "text %d" % place if values == () else "text %d: %s" % (place, values)
    except MemoryError:
        return "text"
