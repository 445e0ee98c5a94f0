"""Status: what each service reports about itself, for STAT, SITE and telemetry."""

from time import gmtime, time

from services.borrow import use


def time_text(t=None):
    """Return ISO 8601 text, in UTC, of time.time() t (None: now): 2026-11-22T20:11:03Z."""
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % gmtime(time() if t is None else t)[:6]


class Status:
    """Named sections of JSON scalars. Only a section's owner writes it; all may read it.

    Keys end in their unit: `free_bytes`, `offset_ms`, `uptime_s`. In every service's section, the
    supervisor writes `state` and `restarts`.
    """

    def __init__(self):
        self.sections = {}
        self.measure = None  # the supervisor's measure(): measures heap and flash
        self.give_up = None  # the supervisor's give_up(): resets the board, with a reason
        self.outlives = None  # the application's outlives(): whether an error ended only it
        self.sensors = {}  # the application's, for Home Assistant: key -> (name, unit, class)
        self.spare = None  # bytes that FTP frees to tell a client that the heap is full
        self._order = []  # a MicroPython dict does not preserve its order

    def section(self, name):
        """Return the section called name, a dict. It is created on first use."""
        if name not in self.sections:
            self.sections[name] = {}
            self._order.append(name)
        return self.sections[name]

    def items(self):
        """Yield the name and the dict of each section, in the order of creation.

        Heap and flash are measured first, unless they were measured just now.
        """
        self.refresh()
        for name in self._order:
            yield name, self.sections[name]

    def refresh(self):
        """Measure heap and flash, unless they were measured just now."""
        if self.measure:
            self.measure()

    def lines(self):
        """Yield each section as one or more readable lines, in the order of creation."""
        return use("services.status_text").lines(self.items())
