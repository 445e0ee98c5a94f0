"""host/outpost/push/verdict.py: what a board's status means after APPLY."""

import pytest
from outpost.push.outcome import CONFIRMED, FAILED, ROLLED_BACK
from outpost.push.site_update import Status
from outpost.push.verdict import APPLY_S, Verdict, progress, verdict


@pytest.mark.parametrize("state", ["trial", "applying", "staged"])
def test_an_update_under_way_has_no_verdict(state):
    assert verdict(Status(state=state, version="1.0"), "2.0", waited_s=1) is None


@pytest.mark.parametrize("state", ["confirmed", "idle"])
def test_a_board_that_runs_it_for_good_has_confirmed_it(state):
    assert verdict(Status(state=state, version="2.0"), "2.0", 30) == Verdict(CONFIRMED)


def test_a_rescue_with_the_version_is_noted():
    status = Status(state="rescue", version="2.0", reason="app.py hangs")

    assert verdict(status, "2.0", 30) == Verdict(CONFIRMED, note="in rescue mode: app.py hangs")


@pytest.mark.parametrize(
    ("status", "result", "reason"),
    [
        (Status(state="rolled-back", version="1.0", reason="no Wi-Fi"), ROLLED_BACK, "no Wi-Fi"),
        (Status(state="rolled-back", version="1.0"), ROLLED_BACK, "the board doesn't say why"),
        (Status(state="rescue", version="1.0", reason="x"), FAILED, "is in rescue mode: x"),
        (Status(state="staged", version="1.0"), FAILED, "did not apply the update"),
        (Status(state="idle", version="1.0"), FAILED, "runs 1.0, and its state is idle"),
    ],
)
def test_what_failed_says_why(status, result, reason):
    found = verdict(status, "2.0", APPLY_S)

    assert found.result == result
    assert reason in found.reason


def test_only_a_trial_has_progress():
    assert progress(Status(state="applying")) is None
    assert progress(Status(state="trial")) == "on trial"
    told = progress(Status(state="trial", boots="2", reason="no login yet"))
    assert told == "on trial, boot 2: no login yet"
