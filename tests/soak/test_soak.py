"""The short form of `make soak`: half an hour of a board, equal at its end to its start."""

import dataclasses

import pytest
from outpost.sim.clock import libfaketime
from soak import report
from soak.day import Day
from soak.outcome import SHORT, Life, Outcome, Rest


@pytest.mark.skipif(not libfaketime(), reason="NOT TESTED: faketime is not installed")
def test_a_board_is_as_it_was_after_half_an_hour_of_everything(tmp_path):
    said = []
    outcome = Day(tmp_path, SHORT, said.append).run()

    assert not report.faults(outcome), "\n".join([*report.faults(outcome), *said])
    assert outcome.hours >= SHORT.hours
    assert outcome.aborted
    assert outcome.wrong_passwords
    assert len(outcome.heap) > 10, "telemetry told of the heap too seldom"


def _good():
    """An Outcome without a fault, as small as can be."""
    plan = dataclasses.replace(SHORT, reboots=1, broker_restarts=0, transfers=2, logins=1)
    rest = Rest(0.1, 70_000, 10, 1, 2, 5_000_000)
    outcome = Outcome(plan, transfers=2, logins=1, syncs=2, connections=2)
    outcome.lives = [Life(0, late=rest), Life(0.1, early=rest, late=rest)]
    outcome.files_before = {"/main.py": 5, "/log/outpost.log": 3}
    outcome.files_after = {"/main.py": 5, "/log/outpost.log": 9_000, "/log/outpost.log.1": 16_000}
    return outcome


def test_a_good_day_has_no_faults():
    assert report.faults(_good()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"transfers": 1}, "transfers"),
        ({"logins": 0}, "logins"),
        ({"syncs": 1}, "syncs"),
        ({"connections": 1}, "broker"),
        ({"uncounted": 1}, "counts"),
        ({"late": 5}, "too busy"),
        ({"wrong": ["/x: 3 bytes in place of 4"]}, "/x"),
        ({"crashes": [{"task": "ftp"}]}, "failed on the board"),
        ({"broker_restarts": 1}, "broker"),
        ({"files_after": {"/main.py": 5, "/.upload-3": 0}}, ".upload-3"),
        ({"files_after": {"/main.py": 6}}, "/main.py"),
        ({"files_after": {"/main.py": 5, "/log/outpost.log": 60_000}}, "log has"),
    ],
)
def test_what_is_missing_or_left_behind_is_told(change, told):
    outcome = dataclasses.replace(_good(), **change)
    assert told in "\n".join(report.faults(outcome))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"heap": 70_000 - report.HEAP_SLACK - 1}, "heap"),
        ({"descriptors": 11}, "descriptors"),
        ({"listeners": 2}, "listeners"),
        ({"waiting": 3}, "waiting"),
    ],
)
def test_what_a_life_holds_at_its_end_is_told(change, told):
    outcome = _good()
    last = outcome.lives[-1]
    last.late = dataclasses.replace(last.late, **change)
    assert told in "\n".join(report.faults(outcome))
