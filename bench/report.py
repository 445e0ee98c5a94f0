"""The report: the results of a run as Markdown, and as the generated part of docs/benchmarks.md.

docs/benchmarks.json holds what was measured, docs/benchmarks.md and its pictures what is made
of that; each part of it has the date, versions and command it came from.
"""

import json

from outpost import bundle

from bench import asked
from bench.figures import Figures, Table

DOCS = bundle.tree_root() / "docs"
PAGE = DOCS / "benchmarks.md"
DATA = DOCS / "benchmarks.json"
# What one part of a run measures, in the order of the page.
PARTS = {
    "speed": ("speed",),
    "heap": ("heap", "smallest"),
    "telemetry": ("telemetry",),
    "instructions": ("instructions",),
    "imports": ("imports", "levels"),
    "wear": ("wear",),
    "folders": ("folders",),
}
_BEGIN = "<!-- made by `make bench ARGS=--write`: {} -->"
_END = "<!-- the end of what is made: {} -->"


class Results(dict):
    """key -> Figures or Table; `origins`: part -> the line that tells where it came from."""

    def __init__(self):
        super().__init__()
        self.origins = {}

    def keep(self, part, origin, found):
        """Put one part's results, key -> Figures or Table, in the place of older ones."""
        for key in PARTS[part]:
            self.pop(key, None)
        self.update(found)
        self.origins[part] = origin

    def as_text(self):
        """All of it as JSON."""
        kept = {key: found.as_json() for key, found in self.items()}
        return json.dumps({"origins": self.origins, **kept}, indent=1) + "\n"

    @classmethod
    def from_text(cls, text):
        """Results from what as_text() gave."""
        made = cls()
        given = json.loads(text)
        made.origins = given.pop("origins")
        for key, found in given.items():
            made[key] = (Figures if key == "speed" else Table).from_json(found)
        return made


def figures(results):
    """The Markdown of all results."""
    parts = []
    for part, keys in PARTS.items():
        if part not in results.origins:
            continue
        parts.append(results.origins[part])
        for key in keys:
            if key == "speed" and key in results:
                found = results[key]
                parts.append("### Speed: medians of the rounds (lowest to highest)")
                parts.append(found.table())
                parts.append("### Speed: ratios, medians of each round's own")
                parts.append(found.ratios(asked.OUTPOST))
            elif key in results:
                found = results[key]
                parts += [f"### {found.title}", found.note, found.markdown()]
    return "\n\n".join(part for part in parts if part)


def page(text, results):
    """The text of docs/benchmarks.md with its generated parts made anew."""
    for name, made in (("asked", asked.table(results)), ("figures", figures(results))):
        begin, end = _BEGIN.format(name), _END.format(name)
        before, found, rest = text.partition(begin)
        _, found_too, after = rest.partition(end)
        if not found or not found_too:
            raise ValueError(f"{PAGE}: the lines {begin} and {end} must stand in it")
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    return text


def load():
    """The results that the page shows; empty where there are none."""
    return Results.from_text(DATA.read_text()) if DATA.is_file() else Results()


def write(results):
    """Write docs/benchmarks.json, the page and its pictures."""
    from bench import plots  # only now: matplotlib is large

    kept = results.as_text()
    results = Results.from_text(kept)  # as it will be read: with so many digits, and no more
    text = page(PAGE.read_text(), results)  # raises before anything is written
    DATA.write_text(kept)
    PAGE.write_text(text)
    plots.draw(results, DOCS)
