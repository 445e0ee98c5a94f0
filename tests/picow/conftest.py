"""Fixtures of the tests on an emulated Pico W; says out loud what is missing for them."""

import tempfile
from pathlib import Path

import pytest
from picow import dependencies, needs
from picow.station import Station, Watch

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 900  # of a test; the emulation is slower than a chip, and boots take 20 s
_skipped = set()  # reasons why tests did not run


def why_not():
    """Why the board can't be had, or None."""
    firmware = needs.given()
    if not firmware:
        return f"{needs.VARIABLE} names no folder of firmware, see docs/boards.md"
    lacks = firmware.missing() + needs.missing()
    return f"missing: {', '.join(lacks)}" if lacks else None


def pytest_collection_modifyitems(items):
    """Give the tests of this folder the time that an emulation takes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


def pytest_terminal_summary(terminalreporter):
    """One line for all tests that were skipped, so that nobody takes them for done."""
    for reason in sorted(_skipped):
        terminalreporter.write_line(f"NOT TESTED: the emulated Pico W; {reason}", yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember whether the test went well: what a failed one leaves, no other shall meet."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


_PASSED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def station():
    """The Station of this run; skips, loudly, where there can't be one."""
    reason = why_not()
    if reason:
        _skipped.add(reason)
        pytest.skip(f"NOT TESTED: {reason}")
    dependencies.fetch()
    # A short path: names of Unix sockets have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="picow-") as folder:
        station = Station(needs.given(), folder)
        yield station
        station.stop()


@pytest.fixture
def board(station, request):
    """The board, serving; the test is in its network. Any reset or failure costs a new boot."""
    with station.use() as board:
        events = len(board.emulator.events)
        yield board
        kinds = {event["kind"] for event in board.emulator.events[events:]}
        quiet = not kinds & {"reset", "power", "crash"}
        if quiet and request.node.stash.get(_PASSED, False):
            station.clean()


@pytest.fixture
def watch(station, board):
    """A Watch over the board; after the test it has to find nothing."""
    watch = Watch(station)
    yield watch
    watch.check()


@pytest.fixture
def ftp(board):
    """Log in: (source=HOST) -> ftplib session, closed at the end of the test."""
    sessions = []

    def start(*arguments, **options):
        sessions.append(board.ftp(*arguments, **options))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()
