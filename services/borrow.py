"""borrow: use a module once and let it go; what is used once need not fill the heap for years."""

import gc
import sys


def borrow(module, name):
    """Import a module, return what it calls name, and forget the module.

    Its memory comes back when that value is let go; the next call imports it again.
    """
    gc.collect()  # a module wants its memory in larger pieces than most
    value = getattr(__import__(module, None, None, (name,)), name)
    forget(module)
    return value


def forget(module):
    """Take a module out of the places that keep it; nothing where it isn't imported."""
    parent, _, leaf = module.rpartition(".")
    if sys.modules.pop(module, None) and parent:
        delattr(sys.modules[parent], leaf)  # a package holds its modules too


def reason(error):
    """An exception in words, as hal.reasons has them; as it is where memory is short."""
    try:
        return borrow("hal.reasons", "reason")(error)
    except MemoryError:
        return str(error) or "MemoryError"
