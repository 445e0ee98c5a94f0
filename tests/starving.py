"""The device's side of tests in which the allocator fails at each allocation in turn.

outcome(call, leave) has so many bytes left for a call, which a test raises by 16 each time. `held`
keeps the heap from being given back; only the call in question meets a full one.
"""

STARVE = """
import gc


def starve(leave):
    held = None
    for size in (4096, 256, 32, 16):
        try:
            # Counted before, for mem_free() walks the whole heap; a pair and a bytearray's head
            # take 16 bytes each.
            for _ in range((gc.mem_free() - leave - 64) // (size + 32)):
                held = held, bytearray(size)
        except MemoryError:
            pass
    return held


def outcome(call, leave, collects=False):
    # What it returns, or "no memory". collects: whether the collector runs meanwhile.
    gc.collect()
    gc.disable()
    held = starve(leave)
    if collects:
        gc.enable()
    try:
        result = call()
    except MemoryError:
        result = "no memory"
    held = None
    gc.enable()
    gc.collect()
    return result
"""
