"""What was asked of Outpost, as data, beside what a run measured."""

from dataclasses import dataclass

from bench import heap
from bench.figures import Figures, markdown, short

OUTPOST, LOOP, PYFTPDLIB = "Outpost", "blocking loop", "pyftpdlib"
_KB = 1000


@dataclass(frozen=True)
class Asked:
    """One figure that was asked for.

    value: what was asked; at_most: whether less is better. measured: a callable (results) -> a
    number, or None where this run has not measured it. unit: behind the numbers.
    """

    what: str
    value: float
    measured: object
    at_most: bool = False
    unit: str = ""

    def met(self, found):
        """Whether a measured number is what was asked."""
        return found <= self.value if self.at_most else found >= self.value

    def row(self, results):
        """Its line of the table."""
        found = self.measured(results)
        bound = f"at {'most' if self.at_most else 'least'} {_text(self.value, self.unit)}"
        if found is None:
            return [self.what, bound, "-", "not measured"]
        verdict = "met" if self.met(found) else "**not met**"
        return [self.what, bound, _text(found, self.unit), verdict]


def ratio(other, *measures):
    """Outpost by another server, the median over the rounds; of several measures the worst."""

    def measured(results):
        figures = results.get("speed")
        found = [figures.ratio(OUTPOST, other, name) for name in measures] if figures else []
        return min(found) if found and None not in found else None

    return measured


def inverse(other, measure):
    """The other by Outpost: for what is to be at most the other's."""
    return lambda results: _found(results, lambda f: f.ratio(OUTPOST, other, measure))


def own(measure):
    """Outpost's own median."""
    return lambda results: _found(results, lambda f: f.median(OUTPOST, measure))


def four_by_one(results):
    """Four transfers' sum by a single one's speed, in this process."""
    name, one = "4 x RETR 16 MiB at once, MiB/s", "RETR 16 MiB, MiB/s"
    return _found(results, lambda f: f.ratio(OUTPOST, OUTPOST, name, one))


def cell(key, column, measure, divisor=1):
    """A cell of one of the tables that repeat."""

    def measured(results):
        table = results.get(key)
        value = table.get(column, measure) if table else None
        return None if value is None else value / divisor

    return measured


def _found(results, look):
    figures = results.get("speed")
    return look(figures) if isinstance(figures, Figures) else None


def _heap(part, form, asked):
    return Asked(
        f"{part} at rest, {form}",
        asked,
        cell("heap", heap.column(part, form), heap.AT_REST, _KB),
        at_most=True,
        unit=" KB",
    )


def _smallest(part, form, what, asked):
    return Asked(
        f"{what}: smallest heap, {part}, {form}",
        asked,
        cell("smallest", heap.column(part, form), what),
        at_most=True,
        unit="wK",
    )


ASKED = (
    Asked("RETR by the blocking loop", 0.90, ratio(LOOP, "RETR 32 MiB, MiB/s")),
    Asked("STOR by the blocking loop", 0.85, ratio(LOOP, "STOR 32 MiB, MiB/s")),
    Asked("RETR by FTPdLite", 15, ratio("FTPdLite", "RETR 32 MiB, MiB/s")),
    Asked("STOR by FTPdLite", 9, ratio("FTPdLite", "STOR 32 MiB, MiB/s")),
    Asked("RETR by uftpd", 2, ratio("uftpd", "RETR 32 MiB, MiB/s")),
    Asked("STOR by uftpd", 1.5, ratio("uftpd", "STOR 32 MiB, MiB/s")),
    Asked("LittleFS read by a bare loop", 0.8, ratio(LOOP, "RETR 2 MiB on LittleFS, MiB/s")),
    Asked("LittleFS write by a bare loop", 0.8, ratio(LOOP, "STOR 2 MiB on LittleFS, MiB/s")),
    Asked("1 KiB RETR by pyftpdlib", 1.3, ratio(PYFTPDLIB, "1 KiB RETR/s")),
    Asked("LIST of 500: time by pyftpdlib's", 1, inverse(PYFTPDLIB, "LIST of 500, ms"), True),
    Asked("NOOP by FTPdLite", 1, ratio("FTPdLite", "NOOP/s")),
    Asked("NOOP: processor time by FTPdLite's", 1, inverse("FTPdLite", "NOOP, CPU us"), True),
    Asked("login and QUIT by FTPdLite", 1, ratio("FTPdLite", "login+QUIT/s")),
    Asked(
        "login and QUIT: processor time by FTPdLite's",
        1,
        inverse("FTPdLite", "login+QUIT, CPU us"),
        True,
    ),
    Asked("NOOP beside RETR, median", 10, own("NOOP beside RETR, median ms"), True, " ms"),
    Asked("NOOP beside STOR, median", 10, own("NOOP beside STOR, median ms"), True, " ms"),
    Asked("four RETRs at once by one", 1, four_by_one),
    Asked("longest stall, LittleFS aside", 20, own("longest loop stall, ms"), True, " ms"),
    _heap(heap.LOG, heap.MPY, 36),
    _heap(heap.LOG, heap.FROZEN, 36),
    _heap(heap.ALL, heap.MPY, 60),
    _heap(heap.ALL, heap.FROZEN, 60),
    Asked(
        "one more session, buffer aside",
        1.5,
        cell("heap", heap.column(heap.FTP), heap.SESSION, _KB),
        at_most=True,
        unit=" KB",
    ),
    *(
        Asked(
            f"{verb}: heap for a MiB moved, {heap.FTP}",
            1.024,
            cell(
                "heap",
                heap.column(heap.FTP),
                f"allocated by a {verb} of 16 MiB, a MiB",
                _KB,
            ),
            at_most=True,
            unit=" KB",
        )
        for verb in ("RETR", "STOR")
    ),
    *(
        Asked(
            f"grown over 10,000 commands and 1,000 transfers, {part}",
            0,
            cell(
                "heap",
                heap.column(part),
                "grown after 10,000 commands, 1,000 transfers",
            ),
            at_most=True,
            unit=" B",
        )
        for part in (heap.FTP, heap.ALL)
    ),
    *(
        _smallest(part, form, heap.SMALLEST, asked)
        for form in (heap.MPY, heap.FROZEN)
        for part, asked in ((heap.ALL, 64), (heap.FTP, 40))
    ),
    *(_smallest(heap.ALL, form, heap.LONG_LIST, 64) for form in (heap.MPY, heap.FROZEN)),
)


def table(results):
    """The Markdown of all that was asked; results: key -> Figures or Table."""
    return markdown(["", "asked", "measured", ""], [asked.row(results) for asked in ASKED])


def _text(value, unit):
    text = f"{value:g}" if value == int(value) else short(value)
    return text + unit
