"""How modules come late and go again: borrow() for once, use() until release().

What is used once or seldom need not fill the heap for years. Both name a module by its whole
dotted name, as a text: tests/test_architecture.py reads these as imports.
"""

import gc
import sys

from micropython import const

_ROOM = const(6144)  # bytes, those of garbage not among them
_OURS = const("services")
_used = []  # names of modules: what use() imported and release() lets go


def borrow(module, name):
    """Import a module, return what it calls name, and forget the module.

    Its memory comes back when that value is let go; the next call imports it again.
    """
    gc.collect()  # a module wants its memory in larger pieces than most
    value = getattr(__import__(module, None, None, (name,)), name)
    forget(module)
    return value


def use(name):
    """Return a module that stays until release(), and what it imports of services; MemoryError.

    Where it doesn't fit, the other ones make room; what runs keeps its own.
    """
    if name in sys.modules:
        return sys.modules[name]
    before = list(sys.modules)
    gc.collect()  # a module wants its memory in larger pieces than most
    try:
        module = __import__(name, None, None, ("*",))
    except MemoryError:
        release()
        gc.collect()
        module = __import__(name, None, None, ("*",))
    _used.extend([new for new in sys.modules if new.startswith(_OURS) and new not in before])
    if gc.mem_free() < _ROOM:  # its work, and the reply, need some too
        release()
    return module


def release():
    """Let go of what use() imported."""
    while _used:
        forget(_used.pop())


def forget(module):
    """Take a module out of the places that keep it; nothing where it isn't imported."""
    parent, _, leaf = module.rpartition(".")
    if sys.modules.pop(module, None) and parent in sys.modules:
        delattr(sys.modules[parent], leaf)  # a package holds its modules too


def reason(error):
    """An exception in words, as hal.reasons has them; as it is where memory is short."""
    try:
        return borrow("hal.reasons", "reason")(error)
    except MemoryError:
        return str(error) or "MemoryError"
