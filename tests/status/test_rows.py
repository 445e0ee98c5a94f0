"""host/outpost/status: what counts as trouble, and the rows of many boards at any width."""

import pytest
from outpost.boards import parse_board
from outpost.control import Unreachable
from outpost.shown import versions
from outpost.status.ask import Answer
from outpost.status.rows import rows
from rich.cells import cell_len
from rich.console import Console

WELL = {
    "board": {"name": "barn", "version": "0.1.0+1f0c77a2", "uptime_s": 400_000},
    "heap": {"free_bytes": 61_000, "total_bytes": 136_192},
    "flash": {"free_bytes": 3_400_000, "total_bytes": 6_291_456},
    "network": {"state": "running", "rssi": -61, "problem": None},
    "ftp": {"state": "running"},
    "time": {"state": "running", "set": True},
    "telemetry": {"state": "running", "connected": True},
    "update": {"state": "running", "phase": "confirmed", "to": "2.0"},
}


def answer(**sections):
    """The Answer of a board that is well, but for these sections."""
    return Answer(WELL | {name: WELL.get(name, {}) | part for name, part in sections.items()})


def test_a_board_that_is_well_has_no_problem():
    assert answer().problems == []
    assert answer(telemetry={"state": "off", "connected": False}).problems == []
    assert answer(time={"state": "off", "set": None}).problems == []
    assert answer(heap={"free_bytes": 6810}).problems == []
    assert Answer({}).problems == []


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"rescue": {"reason": "three boots failed"}}, "rescue mode: three boots failed"),
        ({"app": {"state": "waiting", "error": "OSError: 5"}}, "app waiting: OSError: 5"),
        ({"network": {"problem": "no such Wi-Fi"}}, "network: no such Wi-Fi"),
        (
            {"telemetry": {"connected": False, "last_error": "refused"}},
            "telemetry is down: refused",
        ),
        ({"update": {"phase": "trial"}}, "update to 2.0 on trial"),
        ({"update": {"phase": "rolled-back", "reason": "E"}}, "update to 2.0 rolled back: E"),
        ({"config": {"problems": "ftp.port: must be"}}, "config.json: ftp.port: must be"),
        ({"time": {"set": False, "last_error": "no answer"}}, "clock not set: no answer"),
        ({"time": {"set": False, "problem": "no answer"}}, "clock not set: no answer"),
        ({"time": {"set": True, "problem": "a and b differ"}}, "time: a and b differ"),
        ({"heap": {"free_bytes": 6800}}, "low heap: 5.0% free"),
        ({"flash": {"free_bytes": 0}}, "low flash: 0.0% free"),
    ],
)
def test_what_is_a_problem(sections, problem):
    assert answer(**sections).problems == [problem]


@pytest.mark.parametrize(
    "sections",
    [
        {"heap": {"free_bytes": "x", "total_bytes": None}},
        {"heap": {"free_bytes": 10**400, "total_bytes": 10**400}},
        {"heap": {"free_bytes": 0, "total_bytes": 0}},
        {"board": {"version": ["\x1b"], "uptime_s": True}, "network": {"rssi": "-"}},
    ],
)
def test_whatever_a_board_says_there_is_a_row(sections):
    lines = drawn([(board(1, "b"), answer(**sections))], 80)
    assert lines[1].split()[:3] == ["●", "well", "b"]
    assert "\x1b" not in "".join(lines)


def board(number, name=""):
    return parse_board(f"ftp://10.0.0.{number}:2121", "here", name)


def drawn(answers, width):
    """The lines on a terminal of that width, as text."""
    console = Console(width=width, highlight=False, markup=False)
    return [
        "".join(part.text for part in line).rstrip()
        for item in rows(answers, width)
        for line in console.render_lines(item, pad=False)
    ]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("version", ["1.2", "0.1.0+1f0c77a2", "weather-and-more-26-11+1f0c77a2"])
def test_trouble_comes_first_and_no_version_is_cut(width, version):
    failed = {"state": "failed", "error": "OSError: " + "the sensor does not answer " * 5}
    answers = [
        (board(1), answer(board={"version": version})),
        (board(2, "greenhouse-on-the-north-side"), answer(app=failed)),
        (board(3, "gate"), Unreachable("no answer within 15 s")),
        (board(4, "shed"), answer(time={"set": False}, board={"version": version})),
    ]  # fmt: skip
    lines = drawn(answers, width)
    assert max(map(cell_len, lines)) <= width
    assert [line.split()[1] for line in lines if line.startswith("●")] == [
        "away", "trouble", "trouble", "well",
    ]  # fmt: skip
    assert lines[-1] == "1 away, 2 in trouble, 1 well"
    assert "\n".join(lines).count(version) == 2 + (version in "0.1.0+1f0c77a2")
    assert "well     barn" in "".join(lines), "by its own name where the file has none"
    assert " ".join("\n".join(lines).split()).count("the sensor does not answer") == 5


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"outpost": "0.2.0", "application": "weather-3", "version": "weather-3"},
         "0.2.0 + weather-3"),
        ({"outpost": "0.2.0", "application": None, "version": "0.2.0+ab"}, "0.2.0"),
        ({"version": "weather-3"}, "weather-3"),
        ({}, "-"),
    ],
)  # fmt: skip
def test_both_versions_of_a_board(told, shown):
    told = dict.fromkeys(["outpost", "application", "version"]) | told
    assert versions(told["outpost"], told["application"], told["version"]) == shown
    row = next(line for line in drawn([(board(1), answer(board=told))], 120) if "●" in line)
    assert f" {shown} " in row


def test_what_to_do_is_said_to_its_end():
    long = "the broker closes the connection on %s; let this user publish there, or do without"
    lines = drawn([(board(1), answer(telemetry={"problem": long % ("x/" * 100)}))], 80)
    assert "or do without" in " ".join("\n".join(lines).split())
