"""What importing each module costs: ROOT MODULE... in this order; prints name, live, allocated.

live: bytes that stay; allocated: bytes in all, a measure of the peak while compiling.
"""

import gc
import sys

import micropython

sys.path[:] = (sys.argv[1], sys.argv[1] + "/lib", ".frozen")
names = sys.argv[2:]
for name in names:
    gc.collect()
    live = gc.mem_alloc()
    total = micropython.mem_total()
    try:
        __import__(name)
    except Exception as error:
        sys.print_exception(error)
    total = micropython.mem_total() - total
    gc.collect()
    print(name, gc.mem_alloc() - live, total)
