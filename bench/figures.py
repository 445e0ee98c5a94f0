"""Figures: what the rounds measured, as medians, ratios within a round, and Markdown tables."""

from statistics import median


class Figures:
    """Values by (server, measure), one a round; missing ones are what a server can't do."""

    def __init__(self):
        self._values = {}
        self.servers = []  # in the order of their first appearance
        self.measures = []

    def add(self, server, measure, value, round_number):
        """Note one value of one round."""
        if server not in self.servers:
            self.servers.append(server)
        if measure not in self.measures:
            self.measures.append(measure)
        self._values.setdefault((server, measure), {})[round_number] = value

    def as_json(self):
        """All values, as an object for from_json()."""
        return {
            "servers": self.servers,
            "measures": self.measures,
            "values": [
                [
                    server,
                    measure,
                    {str(number): round(value, 4) for number, value in found.items()},
                ]
                for (server, measure), found in self._values.items()
            ],
        }

    @classmethod
    def from_json(cls, given):
        """Figures from what as_json() gave."""
        made = cls()
        made.servers, made.measures = list(given["servers"]), list(given["measures"])
        for server, measure, found in given["values"]:
            made._values[server, measure] = {int(n): value for n, value in found.items()}
        return made

    def median(self, server, measure):
        """The median over the rounds; None where nothing was measured."""
        values = self._values.get((server, measure))
        return median(values.values()) if values else None

    def cell(self, server, measure):
        """`median (lowest to highest)` as text."""
        values = self._values.get((server, measure))
        if not values:
            return "-"
        low, high = min(values.values()), max(values.values())
        middle = short(median(values.values()))
        return middle if low == high else f"{middle} ({short(low)} to {short(high)})"

    def ratio(self, server, other, measure, other_measure=None):
        """Median over the rounds of this server's value by the other's; None without both."""
        ours = self._values.get((server, measure), {})
        theirs = self._values.get((other, other_measure or measure), {})
        both = [ours[r] / theirs[r] for r in ours if theirs.get(r)]
        return median(both) if both else None

    def table(self, measures=None):
        """A Markdown table: a row a measure, a column a server."""
        rows = [
            [measure, *(self.cell(server, measure) for server in self.servers)]
            for measure in measures or self.measures
        ]
        return markdown(["", *self.servers], rows)

    def ratios(self, server):
        """A Markdown table of one server's ratios to each of the others."""
        others = [other for other in self.servers if other != server]
        rows = []
        for measure in self.measures:
            found = [self.ratio(server, other, measure) for other in others]
            if any(ratio is not None for ratio in found):
                rows.append([measure, *("-" if r is None else short(r) for r in found)])
        return markdown([f"{server} divided by", *others], rows)


class Table:
    """Figures that repeat: rows by measure, columns by what was measured; None is "-"."""

    def __init__(self, title, note=""):
        self.title = title
        self.note = note
        self.columns = []
        self._rows = {}

    def add(self, column, measure, value):
        """Note one value: a number or a text."""
        if column not in self.columns:
            self.columns.append(column)
        self._rows.setdefault(measure, {})[column] = value

    def get(self, column, measure):
        """A value, or None."""
        return self._rows.get(measure, {}).get(column)

    def as_json(self):
        """All of it, as an object for from_json()."""
        return {
            "title": self.title,
            "note": self.note,
            "columns": self.columns,
            "rows": self._rows,
        }

    @classmethod
    def from_json(cls, given):
        """A table from what as_json() gave."""
        made = cls(given["title"], given["note"])
        made.columns, made._rows = list(given["columns"]), given["rows"]
        return made

    def markdown(self):
        """Its Markdown, title and note aside."""
        rows = [
            [measure, *(_cell(found.get(column)) for column in self.columns)]
            for measure, found in self._rows.items()
        ]
        return markdown(["", *self.columns], rows)


def _cell(value):
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}"


def markdown(head, rows):
    """Lines of a Markdown table, the first column to the left, the others to the right."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' + ' ---: |' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def short(value):
    """Three digits that matter, no more."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
