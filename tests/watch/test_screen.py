"""host/outpost/watch/screen.py: what fits a terminal's width and height."""

import json
import re

import pytest
from outpost.watch.fleet import Fleet
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


def told(fleet, name, status, version="10.20.3", **state):
    """What a board tells of itself at time 0."""
    info = {"board": name, "version": version}
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


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("version", ["0.1.0+1f0c77a2", "weather-and-more-2026-11+1f0c77a2"])
def test_a_version_is_never_cut_short(width, version):
    fleet = Fleet()
    heap = {"heap": {"free_bytes": 30_000, "total_bytes": 136_192}}
    flash = {"flash": {"free_bytes": 3_400_000, "total_bytes": 6_291_456}}
    wall = {"time": {"set": True, "offset_ms": -9999}, "network": {"rssi": -100}}
    told(fleet, "a-very-long-name-of-a-board", "online", version, **heap, **flash, **wall)
    told(fleet, "gone", "offline", version)
    lines = drawn(fleet, 1, width, height=40)
    assert max(map(cell_len, lines)) <= width
    assert not any("…" in line for line in lines if "a-very" not in line), lines
    assert any("a-very-" in line and "-9999 ms" in line for line in lines)
    text = "\n".join(lines)
    below = re.search(r"a-very-.*((?:\n +\S+)+)", text)
    assert version in text or "".join(below[1].split()) == version, text


def test_boards_of_two_lines_leave_room_for_the_feed():
    fleet = Fleet()
    for number in range(20):
        told(fleet, f"b{number}", "online", "0.1.0+1f0c77a2")
    lines = drawn(fleet, 1, 80, height=24)
    assert sum("0.1.0+1f0c77a2" in line for line in lines) == 3
    assert "  ... and 17 more boards" in lines


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
