"""What importing costs: ROOT MODULE...; prints `name live allocated` of each module, in bytes.

live: what stays, without what the module itself imports; allocated: garbage included, which
tells of the peak while compiling.
"""

import builtins
import gc
import sys

import micropython

importing = builtins.__import__
inner = []  # live and allocated bytes of the imports inside each import under way


def measured(name, *arguments):
    """Stands in for __import__: measures each module of name that is new."""
    if len(arguments) > 3 and arguments[3]:
        # Relative: only asyncio does so, and from here it would be relative to this program.
        whole = "asyncio." + name if name else "asyncio"
        return importing(whole, None, None, arguments[2], 0)
    at = name.find(".")
    while at > 0:
        if name[:at] not in sys.modules:
            measured(name[:at])
        at = name.find(".", at + 1)
    if name in sys.modules:
        return importing(name, *arguments)
    gc.collect()
    live, total = gc.mem_alloc(), micropython.mem_total()
    inner.append([0, 0])
    try:
        return importing(name, *arguments)
    finally:
        total = micropython.mem_total() - total
        gc.collect()
        live = gc.mem_alloc() - live
        inside = inner.pop()
        if inner:
            inner[-1][0] += live
            inner[-1][1] += total
        if name in sys.modules:  # not so those of the interpreter, which cost nothing
            print(name, live - inside[0], total - inside[1])


sys.path[:] = (sys.argv[1], sys.argv[1] + "/lib", ".frozen")
builtins.__import__ = measured
for module in sys.argv[2:]:
    __import__(module)
