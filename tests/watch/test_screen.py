"""host/outpost/watch/screen.py: what fits a terminal's width and height."""

import json
import re

import pytest
from outpost.watch.model import Fleet
from outpost.watch.screen import screen
from rich.cells import cell_len
from rich.console import Console

LINK = "mqtt://broker", True, "connected"


def drawn(fleet, now, width, height=24):
    """The lines of the view as plain text."""
    console = Console(width=width, file=None)
    view = screen(fleet, LINK, now, width=width, height=height)
    lines = console.render_lines(view, pad=False)
    return ["".join(part.text for part in line).rstrip() for line in lines]


def told(fleet, name, status, **state):
    """What a board tells of itself at time 0."""
    info = {"board": name, "version": "10.20.3"}
    for what, payload in (
        ("status", status),
        ("info", json.dumps(info)),
        ("state", json.dumps(state)),
    ):
        fleet.take(f"outpost/{name}/{what}", payload.encode(), 0)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_a_row_of_large_values_loses_nothing_but_of_its_name(width):
    fleet = Fleet()
    state = {
        "board": {"uptime_s": 99 * 86400},
        "time": {"set": False, "restarts": 999},
        "heap": {"free_bytes": 0, "total_bytes": 270_000},
        "flash": {"free_bytes": 9_999_999, "total_bytes": 10_000_000},
        "ftp": {"sessions": 12},
        "network": {"rssi": -100},
    }
    told(fleet, "a-very-long-name-of-a-board", "online", **state)
    told(fleet, "gone", "offline", **state)
    lines = drawn(fleet, 1, width)
    assert max(map(cell_len, lines)) <= width
    row = next(line for line in lines if "a-very-" in line)
    assert row.startswith("● online")
    for value in ("10.20.3", "99d00h", "not set", "999", " 12 "):
        assert value in row, row
    assert ("0 B free" in row and "9766 KiB free" in row and "-100 dBm" in row) == (width >= 120)
    assert ("100%" in row and "  0%" in row) == (width < 120)
    assert "● offline gone" in next(line for line in lines if "gone" in line)
    assert re.search(r"restarts|rest", lines[2])


@pytest.mark.parametrize("size", [(1, 1), (20, 4), (40, 10)])
def test_however_small_a_terminal_is(size):
    fleet = Fleet()
    told(fleet, "b", "online")
    assert max(map(cell_len, drawn(fleet, 1, *size))) <= max(size[0], 1)


@pytest.mark.parametrize(
    ("offset", "shown"),
    [(12, "+12 ms"), (-9999, "-9999 ms"), (30_000, "+30 s"), (849_000_000_000, " set ")],
)
def test_the_clocks_offset(offset, shown):
    fleet = Fleet()
    told(fleet, "b", "online", time={"set": True, "offset_ms": offset})
    assert shown in drawn(fleet, 1, 80)[3]


def test_the_feed_has_a_third_of_the_screen_whatever_else_there_is():
    fleet = Fleet()
    for number in range(50):
        told(fleet, f"b{number}", "online")
        event = {
            "event_type": "started",
            "verb": "STOR",
            "path": f"/{number}",
            "bytes": 1,
            "ms": 1,
        }
        fleet.take(f"outpost/b{number}/event/ftp/transfer", json.dumps(event).encode(), 0)
        event = {"event_type": "deleted", "path": f"/gone-{number}"}
        fleet.take(f"outpost/b{number}/event/ftp/transfer", json.dumps(event).encode(), 0)
    lines = drawn(fleet, 1, 80, height=24)[:24]
    assert "  ... and 42 more boards" in lines
    assert "  ... and 47 more transfers" in lines
    assert sum("deleted /gone-" in line for line in lines) >= 5
    assert "/gone-49" in next(line for line in lines if "deleted" in line), "the newest first"
