"""docs/benchmarks.md shows what docs/benchmarks.json holds; the pictures can be drawn of it."""

import re

import pytest

from bench import asked, heap, plots, report
from bench.figures import Figures, Table


def small_results():
    """A run of two rounds with one peer, as far as the report looks at it."""
    figures = Figures()
    for number, (ours, theirs) in enumerate(((900, 30), (1200, 40))):
        figures.add("Outpost", "RETR 32 MiB, MiB/s", ours, number)
        figures.add("FTPdLite", "RETR 32 MiB, MiB/s", theirs, number)
        figures.add("Outpost", "LIST of 500, ms", 10, number)
        figures.add("FTPdLite", "LIST of 500, ms", 250, number)
    table = Table("Heap")
    table.add(heap.column(heap.ALL, heap.FROZEN), heap.AT_REST, 29_000)
    table.add(heap.column(heap.ALL), heap.AT_REST, 90_000)
    results = report.Results()
    results.keep("speed", "today", {"speed": figures})
    results.keep("heap", "yesterday", {"heap": table})
    return results


def test_the_page_shows_what_was_measured():
    text = report.PAGE.read_text()
    assert report.page(text, report.load()) == text, "run `make bench ARGS=--redraw`"


def test_what_was_asked_is_found_in_what_is_measured():
    results = report.load()
    there = {*results["speed"].servers, *results["heap"].columns}
    # A name in asked.py that nothing measures would read "not measured" for ever; what reads so
    # because its peer was not there is another matter.
    lost = [
        row.what
        for row in asked.ASKED
        if row.source(results) is None and (not row.place or there & {*row.place})
    ]
    assert lost == []


def test_a_verdict_stands_beside_each_figure():
    table = asked.table(small_results())
    assert "| RETR by FTPdLite | at least 15 | 30 | met |" in table
    assert "| all services at rest, frozen | at most 29.5 KB | 29 KB | met |" in table
    assert "| all services at rest, .mpy | at most 68 KB | 90 KB | **not met** |" in table
    assert "| RETR by uftpd | at least 2 | - | not measured |" in table


def test_results_survive_being_written_down():
    results = small_results()
    again = report.Results.from_text(results.as_text())
    assert report.figures(again) == report.figures(results)
    assert asked.table(again) == asked.table(results)


def test_a_part_measured_anew_leaves_the_others():
    results = small_results()
    results.keep("heap", "now", {})
    assert "heap" not in results
    assert results.origins == {"speed": "today", "heap": "now"}
    assert results["speed"].ratio("Outpost", "FTPdLite", "RETR 32 MiB, MiB/s") == 30


def test_a_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="must stand in it"):
        report.page("# Benchmarks\n", small_results())


def test_pictures_follow_the_reader_to_dark(tmp_path):
    drawn = plots.draw(small_results(), tmp_path)
    assert [path.name for path in drawn] == [plots.RATIOS, plots.HEAP]
    for path in drawn:
        text = path.read_text()
        assert "prefers-color-scheme: dark" in text
        # Each colour must be one that has a dark one; black and white by themselves have none.
        light = {colours[0] for colours in plots.COLOURS.values()}
        used = {*re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", text)}
        assert used <= light, used - light


def test_the_page_shows_the_pictures():
    for name in (plots.RATIOS, plots.HEAP):
        assert f"({name})" in report.PAGE.read_text()
        assert (report.DOCS / name).is_file()


def test_less_time_is_better():
    figures = small_results()["speed"]
    assert plots.better(figures, "FTPdLite", "LIST of 500, ms") == 25
    assert plots.better(figures, "FTPdLite", "RETR 32 MiB, MiB/s") == 30
