"""Quota: what config.json no longer allows of the log goes; borrowed once, at the first write."""

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
                sizes[int(number)] = _size(path + "." + number)
    except OSError:
        return  # no folder, no log
    sizes[0] = _size(path)
    total = sum(sizes.values())
    for number in sorted(sizes, reverse=True):
        if number > keep or total > max_bytes * (keep + 1):
            total -= sizes[number]
            try:
                os.remove("%s.%d" % (path, number) if number else path)
            except OSError:
                pass  # a folder of that name, or nothing there


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0
