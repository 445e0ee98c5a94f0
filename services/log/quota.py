"""Quota: rotates a full log file, removes files beyond the bounds of config.json; borrowed."""

import os


def trim(path, max_bytes, keep):
    """Remove files beyond path.<keep>, then the oldest files while all exceed the bound together.

    The bound is max_bytes * (keep + 1). The next boot does what fails or is interrupted.
    """
    folder, _, name = path.rpartition("/")
    name += "."
    sizes = {}  # by number, 0 for path itself
    try:
        for entry in os.ilistdir(folder or "/"):
            if not entry[0]:  # a damaged folder: MicroPython would yield this for ever
                break
            number = entry[0][len(name) :] if entry[0].startswith(name) else ""
            if number.isdigit() and number == str(int(number)):
                sizes[int(number)] = _size(path + "." + number) or 0
    except OSError:
        return  # no folder, so no log
    sizes[0] = _size(path) or 0
    total = sum(sizes.values())
    for number in sorted(sizes, reverse=True):
        if number > keep or total > max_bytes * (keep + 1):
            total -= sizes[number]
            try:
                os.remove("%s.%d" % (path, number) if number else path)
            except OSError:
                pass  # a folder of that name, or it is gone


def _size(path):
    """Return the size of a file in bytes; None if it doesn't exist."""
    try:
        return os.stat(path)[6]
    except OSError:
        return None


def rotate(path, keep):
    """Rename each file to the next number, oldest first. Raises OSError.

    May be interrupted after each rename. Renames only up to the first free name, so a gap that a
    power cut left costs no file.
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
