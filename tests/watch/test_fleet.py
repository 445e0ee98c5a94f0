"""host/outpost/watch/fleet.py: what each message does to the view, and that nothing breaks it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outpost.watch import fleet, messages
from outpost.watch.board import LATE, OFFLINE, ONLINE, UNKNOWN
from outpost.watch.fleet import Fleet
from outpost.watch.words import BAD

STATE = {
    "board": {"name": "weather-7", "version": "1.4.0", "uptime_s": 100},
    "heap": {"free_bytes": 30_000, "total_bytes": 100_000},
    "flash": {"free_bytes": 1_000_000, "total_bytes": 2_000_000},
    "time": {"set": True, "offset_ms": 12, "restarts": 2, "state": "running"},
    "network": {"rssi": -61},
    "ftp": {"sessions": 1, "restarts": 1, "state": "running"},
    "telemetry": {"every_s": 10},
}


class Story:
    """A fleet and its clock: says what comes from a board, and keeps what the feed said."""

    def __init__(self):
        self.fleet = Fleet()
        self.now = 1000.0

    def say(self, what, payload, board="b1"):
        """A message of a board: text as it is, a dict as JSON; the texts of the feed."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        if isinstance(payload, str):
            payload = payload.encode()
        return [
            entry.text for entry in self.fleet.take(f"outpost/{board}/{what}", payload, self.now)
        ]

    def wait(self, seconds):
        """Let time pass; the texts of the feed."""
        self.now += seconds
        return [entry.text for entry in self.fleet.tick(self.now)]

    def event(self, seq, kind="app/measured", boot=3, **fields):
        return self.say(f"event/{kind}", {"boot": boot, "seq": seq, "time": None, **fields})

    @property
    def board(self):
        return self.fleet.boards["b1"]

    @property
    def condition(self):
        return self.board.condition(self.now)


@pytest.fixture
def story():
    return Story()


def test_where_a_crash_was_is_told_in_words_of_the_boards_own_bundle(story):
    story.fleet = Fleet(explain=lambda text, bundle: f"{bundle}: {text}")
    story.say("state", {"board": {"bundle": "1f0c9a2e"}})
    (told,) = story.event(1, "task/crash", task="app", error="ValueError: 5")
    assert told == "1f0c9a2e: task app crashed: ValueError: 5"


@pytest.fixture
def online(story):
    """A board that has told all of itself."""
    story.say("status", "online")
    story.say(
        "info", {"board": "weather-7", "version": "1.4.0", "boots": 3, "address": "10.0.0.7"}
    )
    story.say("state", STATE)
    return story


def test_a_state_fills_the_row(online):
    board = online.board
    assert (board.name, board.version, board.boots) == ("weather-7", "1.4.0", 3)
    assert board.heap == (30_000, 100_000)
    assert board.flash == (1_000_000, 2_000_000)
    assert (board.clock_set, board.offset_ms, board.rssi) == (True, 12, -61)
    assert (board.sessions, board.restarts, board.troubles) == (1, 3, ())


def test_what_a_service_says_is_wrong_is_told(online):
    telemetry = {"state": "running", "problem": "the broker refuses the subscription to x"}
    online.say("state", STATE | {"telemetry": telemetry, "log": {"problem": None}})
    assert online.board.troubles == ("telemetry: the broker refuses the subscription to x",)
    online.say("state", STATE | {"telemetry": telemetry | {"state": "failed"}})
    assert online.board.troubles == ("telemetry failed",)


def test_uptime_is_counted_on_between_two_states_while_the_board_is_there(online):
    online.wait(7)
    assert online.board.uptime(online.now) == 107
    online.say("status", "offline")
    assert online.board.uptime(online.now) is None


def test_what_the_broker_kept_is_no_news_but_a_change_is(story):
    assert story.say("status", "online") == []
    assert story.say("status", "online") == []
    assert story.say("status", "offline") == ["offline"]
    assert story.say("status", "online") == ["online"]


def test_a_board_of_which_no_status_came_is_unknown(story):
    story.say("state", STATE)
    assert story.condition == UNKNOWN


def test_a_board_is_late_after_two_and_a_half_of_its_own_intervals(online):
    assert online.wait(25) == []
    assert online.condition == ONLINE
    assert online.wait(1) == ["late: no state for 26 s"]
    assert online.condition == LATE
    assert online.wait(1) == [], "told once"
    online.say("state", STATE)
    assert online.condition == ONLINE
    online.wait(30)
    assert [entry.text[:4] for entry in online.fleet.feed] == ["late", "late"]


def test_a_board_that_is_gone_is_not_late_too(online):
    online.say("status", "offline")
    assert online.wait(100) == []
    assert online.condition == OFFLINE
    online.say("status", "online")
    assert online.condition == ONLINE


def test_a_gap_in_seq_is_counted_and_told(online):
    assert online.event(5) == ["app/measured"], "what was before, nobody can tell"
    assert online.event(6) == ["app/measured"]
    assert online.event(9) == ["2 events missed before seq 9", "app/measured"]
    assert online.board.missed == 2


def test_an_event_that_comes_twice_is_shown_once(online):
    online.event(5)
    assert online.event(5) == []
    online.event(6)
    assert online.event(5) == []
    assert online.event(7) == ["app/measured"]
    assert online.board.missed == 0


def test_seq_begins_anew_with_a_boot(online):
    online.event(5)
    assert online.say("info", {"boots": 4, "reset_cause": "watchdog"}) == [
        "restarted: watchdog, boot 4"
    ]
    assert online.event(1, boot=4) == ["app/measured"]
    assert online.event(2, boot=4) == ["app/measured"]
    assert online.board.missed == 0
    assert online.event(3, boot=5)[0] == "2 events missed before seq 3"


def test_what_outlived_a_reset_is_no_gap(online):
    """It comes when the board has told of its new life already, or before that."""
    online.event(57)
    online.event(1, boot=4)
    assert online.event(60) == ["app/measured"]
    assert online.event(2, boot=4) == ["app/measured"]
    assert online.board.missed == 0


def test_three_restarts_within_an_hour_are_too_many(online):
    for boots in (4, 5):
        online.say("info", {"boots": boots})
    online.say("state", STATE | {"board": {"uptime_s": 90_000}})
    assert not online.board.restarts_often(online.now)
    online.event(1, "service/restart", service="time", error="OSError: 5", delay_s=4)
    assert online.board.restarts_often(online.now) == 3
    online.wait(3601)
    assert not online.board.restarts_often(online.now)


def test_restarts_before_we_came_count_where_the_boot_is_young(online):
    online.say("state", STATE | {"board": {"uptime_s": 3000}})
    assert online.board.restarts_often(online.now) == 3
    online.wait(601)
    assert not online.board.restarts_often(online.now)


def test_while_the_broker_is_away_no_board_is_late_and_no_gap_is_its_own(online):
    online.event(5)
    online.wait(10)
    online.now += 600
    assert online.fleet.tick(online.now, connected=False) == []
    assert online.condition == ONLINE
    assert online.wait(14) == []
    assert online.wait(2) == ["late: no state for 26 s"]
    assert online.event(90) == ["app/measured"]
    assert online.board.missed == 0


def test_a_transfer_runs_until_its_end(online):
    way = {"verb": "STOR", "path": "/a", "user": "admin", "address": "10.0.0.2"}
    assert online.event(1, "ftp/transfer", event_type="started", bytes=0, ms=0, **way) == []
    assert online.event(2, "ftp/transfer", event_type="progress", bytes=900, ms=1000, **way) == []
    (running,) = online.board.running.values()
    assert (running.verb, running.path, running.bytes) == ("STOR", "/a", 900)
    assert online.event(3, "ftp/transfer", event_type="stored", bytes=2048, ms=2000, **way) == [
        "stored /a, 2 KiB in 2.0 s, 1 KiB/s by admin from 10.0.0.2"
    ]
    assert not online.board.running


@pytest.mark.parametrize("end", ["silence", "offline", "boot"])
def test_a_transfer_whose_end_never_comes_goes(online, end):
    online.event(1, "ftp/transfer", event_type="started", verb="STOR", path="/a", bytes=0)
    assert online.board.running
    if end == "silence":
        online.wait(91)
    elif end == "offline":
        online.say("status", "offline")
    else:
        online.say("info", {"boots": 4})
    assert not online.board.running


def test_a_service_that_failed_is_a_trouble(online):
    online.say("state", STATE | {"time": {"state": "failed"}, "rescue": {"reason": "3 boots"}})
    assert online.board.troubles == ("rescue mode: 3 boots", "time failed")


def test_boards_of_one_name_are_told_apart(online):
    assert online.fleet.label(online.board) == "weather-7"
    online.say("info", {"board": "weather-7"}, board="4c11ae97")
    assert online.fleet.label(online.fleet.boards["4c11ae97"]) == "weather-7 ae97"
    online.say("status", "", board="4c11ae97")
    assert online.fleet.label(online.board) == "weather-7"


def test_a_board_whose_retained_status_is_removed_goes(online):
    online.say("status", "")
    assert not online.fleet.boards


def test_other_topics_are_passed_over(story):
    for topic in (
        "other/b1/status",
        "outpost",
        "outpost/b1",
        "outpost//status",
        "outpostx/b/info",
    ):
        assert story.fleet.take(topic, b"online", 0) == []
    assert not story.fleet.boards


def test_what_is_no_json_is_told_and_changes_nothing(online):
    before = online.board.heap
    for payload in (b"{", b"[1]", b"\xff", b"[" * 100_000, b"1" * 5000):
        (entry,) = online.fleet.take("outpost/b1/state", payload, online.now)
        assert (entry.text, entry.level) == ("sent state that is no JSON object", BAD)
    assert online.board.heap == before


def test_all_is_bounded(story):
    for number in range(fleet._BOARDS + 5):
        story.say("status", "online", board=f"b{number}")
    assert len(story.fleet.boards) == fleet._BOARDS
    assert story.fleet.ignored == 5
    for number in range(1000):
        story.event(-number, "ftp/transfer", event_type="started", verb="STOR", path=f"/{number}")
        story.event(number, "app/" + "x" * 9000, **{f"k{n}": "y" * 9000 for n in range(40)})
    assert len(story.board.running) == messages._TRANSFERS
    assert len(story.fleet.feed) == fleet._FEED
    assert max(len(entry.text) for entry in story.fleet.feed) <= fleet._LINE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
KEYS = sorted(
    {
        "event_type",
        "boot",
        "verb",
        "path",
        "bytes",
        "ms",
        "user",
        "address",
        "error",
        "to",
        "ok",
        "reason",
    }
    | {"seq", "time", "service", "delay_s", "seconds", "task", "boots", "board", "total"}
    | {"state", "free_bytes", "total_bytes", "set", "offset_ms", "every_s", "uptime_s", "rssi"}
)
KINDS = ("ftp/transfer", "ftp/login", "ftp/lockout", "service/restart", "task/crash", "update/x")
TYPES = ("started", "progress", "stored", "sent", "failed", "deleted", "renamed")


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["status", "info", "state", *(f"event/{kind}" for kind in KINDS)]),
            st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(TYPES))
            | st.dictionaries(
                st.sampled_from(["board", "heap", "time", "ftp", "update", "telemetry"]),
                st.dictionaries(st.sampled_from(KEYS), JSON),
            ),
        ),
        max_size=8,
    )
)
def test_any_json_may_come(messages):
    """A stranger's numbers, names and nestings: each is taken or passed over, and can be drawn."""
    from outpost.watch.screen import screen
    from rich.console import Console

    story = Story()
    for what, payload in messages:
        story.say(what, payload)
        story.wait(1)
    console = Console(width=80, file=None)
    drawn = screen(story.fleet, ("mqtt://b", True, "connected"), story.now, width=80, height=24)
    lines = console.render_lines(drawn, pad=False)
    text = "\n".join("".join(part.text for part in line) for line in lines)
    assert "outpost watch" in text
    assert "\x1b" not in text
