"""What was asked of Outpost, as data, beside what a run measured."""

from dataclasses import dataclass

from bench import heap
from bench.figures import markdown, short

OUTPOST, ALONE, LOOP = "Outpost", "Outpost, FTP alone", "blocking loop"
FTPDLITE, UFTPD, PYFTPDLIB = "FTPdLite", "uftpd", "pyftpdlib"
_KB = 1000


@dataclass(frozen=True)
class Asked:
    """One figure that was asked for.

    value: what was asked; at_most: whether less is better; unit: behind the numbers. source: a
    callable (results) -> what was measured, or None where it was not. place: where a picture
    shows it: (server, measure) for a ratio, (key, column, measure) for a cell of a table.
    """

    what: str
    value: float
    source: object
    at_most: bool = False
    unit: str = ""
    place: tuple = ()

    def met(self, found):
        """Whether a measured number is what was asked."""
        return found <= self.value if self.at_most else found >= self.value

    def row(self, results):
        """Its line of the table."""
        found = self.source(results)
        bound = f"at {'most' if self.at_most else 'least'} {_text(self.value, self.unit)}"
        if found is None:
            return [self.what, bound, "-", "not measured"]
        verdict = "met" if self.met(found) else "**not met**"
        return [self.what, bound, _text(found, self.unit), verdict]


def _ratio(what, value, other, measure, at_most=False):
    """Outpost by another server."""
    return Asked(
        what,
        value,
        lambda results: _speed(results, "ratio", OUTPOST, other, measure),
        at_most,
        place=(other, measure),
    )


def _alone(what, value, other, measure, at_most=False):
    """Outpost with FTP alone, as the other server is, by that one; in no picture."""
    source = lambda results: _speed(results, "ratio", ALONE, other, measure)  # noqa: E731
    return Asked(f"{what}, FTP alone", value, source, at_most, place=(ALONE, measure))


def _own(what, value, measure, unit):
    """Outpost's own median, at most so much."""
    source = lambda results: _speed(results, "median", OUTPOST, measure)  # noqa: E731
    return Asked(what, value, source, True, unit)


def _four_by_one(results):
    """Four transfers' sum by a single one's speed, in one process."""
    four, one = "4 x RETR 16 MiB at once, MiB/s", "RETR 16 MiB, MiB/s"
    return _speed(results, "ratio", OUTPOST, OUTPOST, four, one)


def _speed(results, what, *words):
    return getattr(results["speed"], what)(*words) if "speed" in results else None


def _cell(what, value, place, unit, divisor=1):
    """A cell of a table of what repeats, at most so much."""
    key, column, measure = place

    def source(results):
        found = results[key].get(column, measure) if key in results else None
        return None if found is None else found / divisor

    return Asked(what, value, source, True, unit, place)


def _heap(what, value, part, measure, form=heap.MPY):
    return _cell(what, value, ("heap", heap.column(part, form), measure), " KB", _KB)


def _smallest(part, form, measure, value):
    place = ("smallest", heap.column(part, form), measure)
    return _cell(f"{measure}: smallest heap, {part}, {form}", value, place, " KiB")


_GROWN = "grown after 10,000 commands, 1,000 transfers"
# Part, form, KB above the bare interpreter that were asked for; then KiB of heap that serve.
_AT_REST = (
    (heap.ALL, heap.MPY, 68),
    (heap.LOG, heap.MPY, 57),
    (heap.ALL, heap.FROZEN, 29.5),
)
_LEAST = ((heap.ALL, heap.MPY, 81), (heap.LOG, heap.MPY, 72), (heap.ALL, heap.FROZEN, 38))
ASKED = (
    _ratio("RETR by the blocking loop", 0.90, LOOP, "RETR 32 MiB, MiB/s"),
    _ratio("STOR by the blocking loop", 0.85, LOOP, "STOR 32 MiB, MiB/s"),
    _ratio("RETR by FTPdLite", 15, FTPDLITE, "RETR 32 MiB, MiB/s"),
    _ratio("STOR by FTPdLite", 9, FTPDLITE, "STOR 32 MiB, MiB/s"),
    _ratio("RETR by uftpd", 2, UFTPD, "RETR 32 MiB, MiB/s"),
    _ratio("STOR by uftpd", 1.5, UFTPD, "STOR 32 MiB, MiB/s"),
    _ratio("RETR from LittleFS by a bare read", 0.8, LOOP, "RETR 2 MiB on LittleFS, MiB/s"),
    _ratio("STOR to LittleFS by a bare write", 0.8, LOOP, "STOR 2 MiB on LittleFS, MiB/s"),
    _ratio("1 KiB RETR by pyftpdlib", 1.3, PYFTPDLIB, "1 KiB RETR/s"),
    _alone("1 KiB RETR by pyftpdlib", 1.3, PYFTPDLIB, "1 KiB RETR/s"),
    _ratio("LIST of 500: time by pyftpdlib's", 1, PYFTPDLIB, "LIST of 500, ms", True),
    _ratio("NOOP by FTPdLite", 1, FTPDLITE, "NOOP/s"),
    _ratio("NOOP: processor time by FTPdLite's", 1, FTPDLITE, "NOOP, CPU us", True),
    _ratio("login and QUIT by FTPdLite", 1, FTPDLITE, "login+QUIT/s"),
    _ratio("login and QUIT: processor time", 1, FTPDLITE, "login+QUIT, CPU us", True),
    _alone("login and QUIT by FTPdLite", 1, FTPDLITE, "login+QUIT/s"),
    _alone("login and QUIT: processor time", 1, FTPDLITE, "login+QUIT, CPU us", True),
    _own("NOOP beside RETR, median", 10, "NOOP beside RETR, median ms", " ms"),
    _own("NOOP beside STOR, median", 10, "NOOP beside STOR, median ms", " ms"),
    Asked("four RETRs at once by one", 1, _four_by_one),
    _own("longest stall, LittleFS aside", 20, "longest loop stall, ms", " ms"),
    *(
        _heap(f"{part} at rest, {form}", asked, part, heap.AT_REST, form)
        for part, form, asked in _AT_REST
    ),
    _heap("one more session, its buffer aside", 1.5, heap.FTP, heap.SESSION),
    *(
        _heap(
            f"a MiB by {verb}, {heap.FTP}",
            1.024,
            heap.FTP,
            f"allocated by a {verb} of 16 MiB, a MiB",
        )
        for verb in ("RETR", "STOR")
    ),
    # Nothing may grow; lines and events that differ in length make up to this.
    *(_heap(f"{_GROWN}, {part}", 0.5, part, _GROWN) for part in (heap.FTP, heap.ALL)),
    *(_smallest(part, form, heap.SMALLEST, asked) for part, form, asked in _LEAST),
)


def wanted(*place):
    """What was asked of the figure at a place, or None."""
    return next((asked.value for asked in ASKED if asked.place == place), None)


def table(results):
    """The Markdown of all that was asked; results: key -> Figures or Table."""
    return markdown(["", "asked", "measured", ""], [asked.row(results) for asked in ASKED])


def _text(value, unit):
    text = f"{value:g}" if value == int(value) else short(value)
    return text + unit
