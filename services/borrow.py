"""Modules that are loaded late and unloaded again: borrow() for one use, use() until release().

Code that is rarely used should not stay in the heap. Both functions take a module's full dotted
name as a literal: tests/test_architecture.py reads these as imports.
"""

import gc
import sys

from micropython import const

_ROOM = const(6144)  # bytes that must be free without a collection
_OURS = const("services")
_used = []  # names of the modules that use() imported and release() unloads


def borrow(module, name):
    """Import a module, return its attribute name, and unload the module.

    Its memory is freed with the last reference to that value; the next call imports it again.
    """
    gc.collect()  # a module needs larger pieces of memory than most objects
    value = getattr(__import__(module, None, None, (name,)), name)
    forget(module)
    return value


def use(name):
    """Return a module, loaded until release() with what it imports of services.

    If memory is short, what use() loaded before is unloaded; running code stays. Raises
    MemoryError.
    """
    if name in sys.modules:
        return sys.modules[name]
    before = list(sys.modules)
    gc.collect()  # a module needs larger pieces of memory than most objects
    try:
        module = __import__(name, None, None, ("*",))
    except MemoryError:
        release()
        gc.collect()
        module = __import__(name, None, None, ("*",))
    _used.extend([new for new in sys.modules if new.startswith(_OURS) and new not in before])
    if gc.mem_free() < _ROOM:  # the module's work and the reply need memory too
        release()
    return module


def release():
    """Unload what use() imported."""
    while _used:
        forget(_used.pop())


def forget(module):
    """Unload a module; does nothing if it isn't loaded."""
    parent, _, leaf = module.rpartition(".")
    if sys.modules.pop(module, None) and parent in sys.modules:
        delattr(sys.modules[parent], leaf)  # the package also refers to its modules


def reason(error):
    """Return an exception in words, as hal.reasons does; if memory is short, just its text."""
    try:
        return borrow("hal.reasons", "reason")(error)
    except MemoryError:
        return str(error) or "MemoryError"
