"""What boards have and the unix port lacks, so that the peers run unchanged."""

import sys


class Module:
    """Stands in for a module: everything that `base` has, and the names given."""

    def __init__(self, name, base=None, **names):
        if base:
            for key in dir(base):
                setattr(self, key, getattr(base, key))
        for key in names:
            setattr(self, key, names[key])
        sys.modules[name] = self


def nothing(*args):
    """Stands in for what has no meaning here."""


def peer(raw):
    """(host, port) from a raw sockaddr, as a board's accept() gives it."""
    return "127.0.0.1", raw[2] << 8 | raw[3]
