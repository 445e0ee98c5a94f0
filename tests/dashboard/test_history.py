"""How a board was before: plots that outlast a reload, resets and why, offline since when."""

import re
import subprocess
import sys
from pathlib import Path

from fixtures_page import feed, row_of
from playwright.sync_api import expect

OUTPOST = Path(sys.executable).with_name("outpost")
HEAP = {"free_bytes": 61_440, "total_bytes": 131_072}
HISTORY = """
    const board = new Board("b");
    const history = board.history;
    const MINUTE = 60_000;
    const say = (now, sections) => board.takeState({
        board: { uptime_s: Math.floor(now / 1000) + 1, boots: 1, ...sections.board },
        heap: { free_bytes: 1000 }, ftp: { transfers: 0, ...sections.ftp },
    }, true, now);
"""


def kept(page):
    """Wait until the browser has written what it keeps of boards."""
    page.wait_for_function(
        """async () => {
            if (!App.store || [...App.fleet.boards.values()].some((one) => one.history.changed)) {
                App.keep();
                return false;
            }
            return (await App.store.load(Date.now())).size === App.fleet.boards.size;
        }"""
    )


def details(page, name="shed"):
    """Open the details of a board; where they stand."""
    row_of(page, name).get_by_role("button").click()
    return page.locator("tr.details")


def test_plots_survive_a_reload(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    opened = details(page)
    expect(opened.get_by_text("nothing yet")).to_have_count(4)
    publisher.state(heap=HEAP, network={"rssi": -67}, ftp={"transfers": 3})
    heap = opened.locator("figure").filter(has_text="Free heap")
    expect(heap).to_contain_text("60 KiB")
    expect(opened.locator("figure").filter(has_text="Signal")).to_contain_text("-67 dBm")
    expect(heap.get_by_role("img")).to_have_attribute("aria-label", re.compile("^Free heap from"))
    kept(page)
    page.reload()

    opened = details(page)
    expect(heap).to_contain_text("60 KiB")
    expect(heap.locator("canvas")).to_be_visible()
    width = heap.locator("canvas").evaluate("canvas => canvas.clientWidth")
    assert abs(width - heap.locator(".canvas").evaluate("node => node.clientWidth")) <= 1
    publisher.say("status", "", True)  # its owner has taken it away
    expect(page.locator("[data-show=all] b")).to_have_text("0")
    kept(page)


def test_how_far_back_is_chosen_and_kept(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    opened = details(page)
    expect(opened.get_by_role("button", name="24 h")).to_have_attribute("aria-pressed", "true")
    opened.get_by_role("button", name="7 d").click()
    expect(opened.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")
    page.reload()

    opened = details(page)
    expect(opened.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")


def test_a_history_is_bounded_and_keeps_its_span(open_page):
    page = open_page()
    told = page.evaluate(f"""() => {{{HISTORY}
        for (let minute = 0; minute < 5000; minute += 1) say(minute * MINUTE, {{}});
        for (let i = 0; i < 99; i += 1) history.mark(5000 * MINUTE + i, "reset", "x");
        const points = history.points;
        const [first, last] = [points[0][AT] / MINUTE, points.at(-1)[AT] / MINUTE];
        const fine = points.at(-1)[AT] - points.at(-60)[AT] === 59 * MINUTE;
        say(20_000 * MINUTE, {{}});
        const old = history.points.filter((point) => point[AT] <= 20_000 * MINUTE - HISTORY_MS);
        return [points.length <= MOST_POINTS, first, last, fine, history.marks.length, old.length];
    }}""")
    assert told == [True, 0, 4999, True, 0, 0]  # marks of a week ago have gone too


def test_a_pause_is_a_gap_that_thinning_leaves(open_page):
    page = open_page()
    told = page.evaluate(f"""() => {{{HISTORY}
        const gaps = () => history.line(HEAP, 0)[1].filter((value) => value === null).length;
        for (let minute = 0; minute < 50; minute += 1) say(minute * MINUTE, {{}});
        const none = gaps();
        for (let minute = 100; minute < 500; minute += 1) say(minute * MINUTE, {{}});
        return [none, gaps()];
    }}""")
    assert told == [0, 1]


def test_a_clock_that_is_set_back_leaves_a_line_in_order(open_page):
    page = open_page()
    told = page.evaluate(f"""() => {{{HISTORY}
        for (const minute of [10, 20, 30, 15, 16]) say(minute * MINUTE, {{}});
        const point = (minute) => [minute * MINUTE, 1, 1, 1, 1, 0];
        history.adopt({{ points: [point(5), point(3), point(40)] }}, 16 * MINUTE);
        return history.points.map((point) => point[AT] / MINUTE);
    }}""")
    assert told == [3, 5, 10, 15, 16]


def test_the_value_under_the_pointer_is_told(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    opened = details(page)
    publisher.state(heap=HEAP)
    heap = opened.locator("figure").filter(has_text="Free heap")
    expect(heap.locator("canvas")).to_be_visible()
    expect(heap.locator("figcaption")).to_have_text("Free heap 60 KiB")
    box = heap.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    expect(heap.locator("figcaption")).to_have_text(re.compile(r"^Free heap 60 KiB at \d\d:\d\d$"))
    page.mouse.move(1, 1)
    expect(heap.locator("figcaption")).to_have_text("Free heap 60 KiB")


def test_transfers_are_counted_by_the_hour_across_a_reset(open_page):
    page = open_page()
    told = page.evaluate(f"""() => {{{HISTORY}
        const counts = [[10, 5], [20, 7], [50, 10], [70, 12], [80, 1], [90, 4]];
        counts.forEach(([minute, transfers], index) => say(minute * MINUTE, {{
            ftp: {{ transfers }},
            board: index > 3 ? {{ uptime_s: index * 10, boots: 2 }} : {{}},
        }}));
        return history.hourly(0);
    }}""")
    assert told == [[0, 3600], [5, 6]]


def test_what_was_kept_is_taken_as_a_strangers_word(open_page):
    page = open_page()
    told = page.evaluate(f"""() => {{{HISTORY}
        const now = 10_000 * MINUTE;
        say(now, {{}});
        const point = [now - MINUTE, "x", null, {{}}, 1e999, 7];
        const sound = {{ at: now - 1, what: "<b>", detail: "a\\u202eb" }};
        const marks = [null, 7, {{ at: "x" }}, sound];
        history.adopt({{ points: [point, 7, null, [], [now + 1], ["x"]], marks, boots: [] }}, now);
        history.adopt({{ points: 7, marks: "x", offlineAt: {{}} }}, now);
        history.adopt({{}}, now);
        return [history.points.map((one) => one.slice(1, 5)), history.marks, history.offlineAt];
    }}""")
    [points, marks, offline] = told
    assert points[0] == [None, None, None, None]
    assert len(points) == 2
    assert [(mark["what"], mark["detail"]) for mark in marks] == [("<b>", "a\u2039U+202E\u203ab")]
    assert offline is None


def test_a_reset_is_told_with_its_reason(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    marks = details(page, "outpost").locator(".marks li")
    expect(page.locator("figure").filter(has_text="Uptime").locator("canvas")).to_be_visible()
    board.ftp().sendcmd("SITE shutdown -r")

    expect(marks).to_contain_text("cause: reset, boot 2")
    expect(page.locator(".facts")).to_contain_text("reset, boot 2")


def test_resets_while_nobody_looked_are_told(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    details(page)
    publisher.state()
    expect(page.locator("figure").filter(has_text="Uptime")).to_contain_text("1 min")
    kept(page)
    page.goto("about:blank")
    since = {"boots": 3, "reset_cause": "watchdog", "hung_in": "app", "uptime_s": 7}
    publisher.state(board=since)
    page.go_back()
    marks = details(page).locator(".marks li")
    publisher.state(board=since)

    expect(marks).to_contain_text(
        "watchdog, app held the loop, boot 3, 2 boots since it was heard"
    )
    badge = row_of(page, "shed").locator(".badge")
    expect(badge).to_have_text("reset by its watchdog, app held the loop")


def test_a_reset_is_told_though_its_state_comes_before_what_was_kept(web_broker, open_page):
    page = open_page(web_broker.web_url)
    details = page.evaluate(
        """() => {
            const state = { boots: 3, uptime_s: 7, reset_cause: "watchdog" };
            const board = { interval: 60, section: (name) => (name === "board" ? state : {}) };
            const history = new BoardHistory();
            history.take(board, Date.now());
            history.adopt({ boots: 1, points: [], marks: [] }, Date.now(), board);
            history.adopt({ boots: 3, points: [], marks: [] }, Date.now(), board);
            return history.marks.map(({ detail }) => detail);
        }"""
    )
    assert details == ["cause: watchdog, boot 3, 2 boots since it was heard last"]


def test_a_life_that_ended_badly_is_told_with_its_reset(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    marks = details(page).locator(".marks li")
    publisher.state()
    expect(page.locator("figure").filter(has_text="Uptime")).to_contain_text("1 min")
    failed = {"boots": 2, "reset_cause": "reset", "failure": "no <memory>", "uptime_s": 7}
    publisher.state(board=failed)

    expect(marks).to_contain_text("cause: reset, no <memory>, boot 2")


def test_since_when_a_board_is_offline(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    since = row_of(page, "shed").locator(".since")
    expect(since).to_be_empty()
    publisher.say("status", "offline", True)
    expect(since).to_have_text(re.compile(r"^since \d\d:\d\d:\d\d$"))
    told = since.inner_text()
    kept(page)
    page.reload()
    expect(since).to_have_text(told)
    publisher.say("status", "online", True)
    expect(since).to_be_empty()
    kept(page)
    page.reload()
    expect(row_of(page, "shed")).to_have_attribute("data-status", "online")
    assert page.evaluate("App.fleet.boards.get('b0a4d').history.offlineAt") is None


def test_since_when_a_board_is_offline_that_nobody_saw_go(publisher, web_broker, open_page):
    publisher.appear()
    publisher.say("status", "offline", True)
    page = open_page(web_broker.web_url)

    since = row_of(page, "shed").locator(".since")
    expect(since).to_have_text(re.compile(r"^since before \d\d:\d\d:\d\d$"))


def test_trial_rollback_and_rescue_mode_are_told_as_they_happen(publisher, web_broker, open_page):
    publisher.appear(update={"phase": "confirmed", "to": "1.2"})
    page = open_page(web_broker.web_url)
    row = row_of(page, "shed")
    marks = details(page).locator(".marks li")
    publisher.state(update={"phase": "trial", "to": "2.0", "boots": 1})
    expect(row.locator(".badge")).to_have_text("update to 2.0 on trial")
    expect(feed(page).filter(has_text="trial")).to_contain_text("2.0")
    expect(page.locator("#news")).to_have_text("shed: update trial")
    publisher.state(update={"phase": "rolled-back", "to": "2.0", "reason": "it crashed"})
    expect(row.locator(".badge")).to_have_text("update to 2.0 taken back")
    expect(row).to_have_attribute("data-level", "bad")
    publisher.state(rescue={"reason": "three boots failed"})
    expect(feed(page).filter(has_text="begins: three boots failed")).to_be_visible()
    publisher.state()
    expect(feed(page).filter(has_text="has ended")).to_be_visible()

    texts = ["rescue mode three boots failed", "rolled back 2.0: it crashed", "trial 2.0"]
    expect(marks).to_have_count(3)
    for number, text in enumerate(texts):
        expect(marks.nth(number)).to_contain_text(text)
    kept(page)
    page.reload()
    expect(details(page).locator(".marks li")).to_have_count(3)


def test_both_versions_and_the_end_of_rescue_mode_are_details(publisher, web_broker, open_page):
    publisher.appear(
        board={"version": "0.1.7+ab", "application": "weather-26+1f0c77a2", "outpost": "0.1.7"},
        rescue={"reason": "three boots failed", "retry_s": 7200},
    )
    page = open_page(web_broker.web_url)
    expect(row_of(page, "shed").locator(".version")).to_have_text("0.1.7 + weather-26+1f0c77a2")
    shown = details(page)
    for text in ("0.1.7+ab", "weather-26+1f0c77a2", "0.1.7", "failed; a normal boot after 2 h"):
        expect(shown).to_contain_text(text)


def test_a_real_boards_trial_and_its_rollback_are_shown(
    web_broker, board_at, open_page, tmp_path, monkeypatch
):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    row = row_of(page, "outpost")
    expect(row).to_have_attribute("data-status", "online")
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather/app.py").write_text("async def run(status, events):\n    pass\n")
    monkeypatch.setenv("OUTPOST_PASSWORD", board.password)
    url = f"ftp://admin@127.0.0.1:{board.ftp_port}/"
    version = ["--version", "2.0", "--trial", "600", "--timeout", "1"]
    subprocess.run([OUTPOST, "push", tmp_path / "weather", url, *version], timeout=60)
    expect(row.locator(".badge").filter(has_text="update to 2.0 on trial")).to_be_visible()
    board.ftp().sendcmd("SITE UPDATE ROLLBACK")

    expect(row.locator(".badge").filter(has_text="update to 2.0 taken back")).to_be_visible()
    expect(row).to_have_attribute("data-level", "bad")
    marks = details(page, "outpost").locator(".marks li")
    expect(marks.filter(has_text="rolled back")).to_contain_text("2.0")
    expect(marks.filter(has_text="trial")).to_contain_text("2.0")


def test_boards_of_another_broker_and_of_last_week_are_others(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    expect(row_of(page, "shed")).to_be_visible()
    told = page.evaluate("""async () => {
        const now = Date.now();
        const named = (id) => ({ id, history: new BoardHistory() });
        const one = new Store("one outpost");
        await one.keep([named("a"), named("b")], now);
        await one.keep([named("old")], now - HISTORY_MS - 1);
        await new Store("two outpost").keep([named("c")], now);
        await one.forget(["b"]);
        return [[...(await one.load(now)).keys()], (await new Store("none").load(now)).size];
    }""")
    assert told == [["a"], 0]
