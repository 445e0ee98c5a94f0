"""borrow: use a module once and let it go; what is used once need not fill the heap for years."""

import gc
import sys


def borrow(module, name):
    """Import a module, return what it calls name, and forget the module.

    Its memory comes back when that value is let go; the next call imports it again.
    """
    gc.collect()  # a module wants its memory in larger pieces than most
    value = getattr(__import__(module, None, None, (name,)), name)
    del sys.modules[module]
    parent, _, leaf = module.rpartition(".")
    delattr(sys.modules[parent], leaf)  # a package holds its modules too
    return value
