"""Status: what each service says about itself, for STAT, SITE and telemetry to read."""

from time import gmtime, time

from services.borrow import use


def time_text(t=None):
    """ISO 8601 text, in UTC, of t (as time.time() counts; None: now): 2026-11-22T20:11:03Z."""
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % gmtime(time() if t is None else t)[:6]


class Status:
    """Named sections of JSON scalars; the owner writes its section, anyone reads.

    Keys of a section end in their unit: `free_bytes`, `offset_ms`, `uptime_s`. Two keys are
    the supervisor's in every service's section: `state` and `restarts`.
    """

    def __init__(self):
        self.sections = {}
        self.measure = None  # the supervisor's: what costs time to measure, measured anew
        self.give_up = None  # the supervisor's: resets the board, for a reason
        self.outlives = None  # the application's: whether an error has ended it alone
        self.sensors = {}  # the application's for Home Assistant: key -> (name, unit, class)
        self.spare = None  # bytes that FTP lets go of to tell a client that the heap is full
        self._order = []  # a MicroPython dict does not keep its order

    def section(self, name):
        """Return the section called name, a dict; it is made on first use."""
        if name not in self.sections:
            self.sections[name] = {}
            self._order.append(name)
        return self.sections[name]

    def items(self):
        """Yield the name and the dict of each section, in the order in which they were made.

        What costs time to measure is measured anew, unless it was just now.
        """
        self.refresh()
        for name in self._order:
            yield name, self.sections[name]

    def refresh(self):
        """Have the sections heap and flash measured anew, unless that was just now."""
        if self.measure:
            self.measure()

    def lines(self):
        """Yield each section as a readable line or more, in the order in which they were made."""
        return use("services.status_text").lines(self.items())
