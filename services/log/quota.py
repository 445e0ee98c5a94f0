"""Quota: makes room for a full log file, removes what config.json no longer allows; borrowed."""

import os


def trim(path, max_bytes, keep):
    """Remove files beyond path.<keep>, then the oldest ones while all exceed their bound.

    The bound is max_bytes * (keep + 1). Whatever fails, or is cut short, the next boot does.
    """
    folder, _, name = path.rpartition("/")
    name += "."
    sizes = {}  # by number, 0 for path itself
    try:
        for entry in os.ilistdir(folder or "/"):
            number = entry[0][len(name) :] if entry[0].startswith(name) else ""
            if number.isdigit() and number == str(int(number)):
                sizes[int(number)] = _size(path + "." + number) or 0
    except OSError:
        return  # no folder, no log
    sizes[0] = _size(path) or 0
    total = sum(sizes.values())
    for number in sorted(sizes, reverse=True):
        if number > keep or total > max_bytes * (keep + 1):
            total -= sizes[number]
            try:
                os.remove("%s.%d" % (path, number) if number else path)
            except OSError:
                pass  # a folder of that name, or nothing there


def _size(path):
    """Bytes of a file; None where it is not there."""
    try:
        return os.stat(path)[6]
    except OSError:
        return None


def rotate(path, keep):
    """Move each file up by one name, from the oldest down, each step safe to stop after. OSError.

    Renames only up to the first free name: where a power cut left a gap, nothing is lost.
    """
    if not keep:
        os.remove(path)
        return
    last = 1
    while last < keep and _size("%s.%d" % (path, last)) is not None:
        last += 1
    for number in range(last, 1, -1):
        os.rename("%s.%d" % (path, number - 1), "%s.%d" % (path, number))
    os.rename(path, path + ".1")
