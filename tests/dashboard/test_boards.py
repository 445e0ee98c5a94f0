"""The table of boards, from real boards and from what no board would say."""

import io
import json
import re
import time

import pytest
from fixtures_page import WAIT_MS, Publisher, feed, row_of
from outpost import bundle
from outpost.sim.prepare import prepare
from playwright.sync_api import expect

NAME = "outpost"  # of a board whose config.json has none


def test_an_upload_appears_at_once(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    expect(row_of(page, NAME)).to_have_attribute("data-status", "online")
    session = board.ftp()
    began = time.monotonic()
    board.upload(session, "/measured.csv")

    expect(feed(page).filter(has_text="/measured.csv").filter(has_text="stored")).to_be_visible()
    assert time.monotonic() - began < 5  # far below a second where the machine is idle
    expect(page.locator("#transfers-rows li")).to_contain_text("/measured.csv")


NAMES = {  # on the board: on the page
    "<script>window.hit=1<script>": "<script>window.hit=1<script>",
    "<img src=x onerror=window.hit=1>": "<img src=x onerror=window.hit=1>",
    "photo\u202egpj.exe": "photo\u2039U+202E\u203agpj.exe",
    "a\u200bb\u001bc": "a\u2039U+200B\u203ab\u2039U+001B\u203ac",
    "grüße ☀ 文.txt": "grüße ☀ 文.txt",
}


def test_a_name_is_only_text_and_hides_nothing(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    session = board.ftp()
    for name, seen in NAMES.items():
        board.upload(session, "/" + name)
        row = feed(page).filter(has_text="stored").first
        expect(row.locator(".subject")).to_have_text("/" + seen)
        expect(page.locator("#transfers-rows .path").first).to_have_text("/" + seen)

    assert page.locator("img, #feed-rows script, #transfers-rows script").count() == 0
    assert page.evaluate("window.hit") is None


def test_an_upload_under_way_is_shown_with_its_progress(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    upload = board.begin_upload("/slow.bin")
    row = page.locator("#transfers-rows li")
    expect(row).to_contain_text("/slow.bin")
    expect(row).to_have_attribute("data-state", "running")
    deadline = time.monotonic() + 15
    while "/s" not in row.inner_text():  # a rate comes with the second progress
        assert time.monotonic() < deadline, row.inner_text()
        upload.more()
        page.wait_for_timeout(300)
    upload.finish()

    expect(row).to_have_attribute("data-state", "stored")


SAY = """
    const transfers = new Transfers();
    const say = (event_type, bytes, ms, now) => transfers.take(
        "b", { event_type, verb: "RETR", path: "/x", user: "u", address: "a", bytes, ms }, now);
"""


def test_two_downloads_of_the_same_file_are_told_apart_by_their_beginning(open_page):
    page = open_page()
    assert page.evaluate(f"""() => {{{SAY}
        say("started", 0, 0, 1000);
        say("started", 0, 0, 3000);
        say("progress", 70, 3000, 4001);
        say("progress", 5, 1000, 4002);
        say("sent", 9, 2000, 5000);
        return transfers.all.map(({{ bytes, end }}) => [bytes, end]);
    }}""") == [[70, None], [9, "sent"]]


def test_transfers_that_ended_or_fell_silent_go(open_page):
    page = open_page()
    assert page.evaluate(f"""() => {{{SAY}
        say("progress", 5, 1000, 0);  // the page came in the middle of it
        say("started", 0, 0, 50000);
        say("sent", 9, 10, 50010);
        const left = (now) => {{ transfers.sweep(now); return transfers.all.length; }};
        return [transfers.running, left(50011), left(59000), left(61000)];
    }}""") == [1, 2, 1, 0]


def test_a_killed_board_turns_offline_and_its_transfers_are_lost(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    row = row_of(page, NAME)
    expect(row).to_have_attribute("data-status", "online")
    under_way = [board.begin_upload("/lost.bin")]
    expect(page.locator("#transfers-rows li")).to_have_attribute("data-state", "running")
    board.kill()
    under_way.clear()

    expect(row).to_have_attribute("data-status", "offline")
    expect(page.locator("#transfers-rows li")).to_have_attribute("data-state", "lost")
    expect(feed(page).filter(has_text="is gone")).to_be_visible()
    expect(page.locator("[data-show=offline] b")).to_have_text("1")
    expect(page).to_have_title("(1) Outpost")


def test_a_board_is_shown_with_what_it_says_of_itself(web_broker, board_at, open_page):
    board_at(web_broker)
    page = open_page(web_broker.web_url)
    row = row_of(page, NAME)

    expect(row.locator(".version")).to_have_text(re.compile(r"^\d+\.\d+\.\d+$"))
    expect(row.locator(".heap")).to_have_text(re.compile(r"KiB free$"))
    expect(row.locator(".flash")).to_have_text(re.compile(r"MiB free$"))
    expect(row.locator(".clock")).to_have_text("not set")
    expect(row.locator(".concerns")).to_contain_text("clock not set")
    expect(row.locator(".rssi")).to_have_text("\u2013")  # no radio here
    expect(row.locator(".uptime")).to_have_text(re.compile(r"^\d+ s$"))
    first = int(row.locator(".uptime").inner_text().split()[0])
    expect(row.locator(".uptime")).to_have_text(f"{first + 2} s")  # it counts on by itself
    row.get_by_role("button").press("Enter")
    details = page.locator("tr.details")
    expect(details).to_contain_text("power-on, boot 1")
    expect(details).to_contain_text("MicroPython")
    details.locator("[data-service=telemetry] summary").click()
    expect(details).to_contain_text("every_s")
    row.get_by_role("button").press("Enter")
    expect(details).to_have_count(0)


def test_a_reboot_is_told_and_is_no_gap(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    board.upload(board.ftp(), "/before.txt")
    expect(feed(page).filter(has_text="/before.txt").filter(has_text="stored")).to_be_visible()
    session = board.ftp()
    session.sendcmd("SITE shutdown -r")
    expect(feed(page).filter(has_text="boot 2, cause: reset")).to_be_visible()
    board.wait_ready()
    board.upload(board.ftp(), "/after.txt")

    expect(feed(page).filter(has_text="/after.txt").filter(has_text="stored")).to_be_visible()
    assert feed(page).filter(has_text="missed").count() == 0


def test_a_service_that_restarts_too_often_is_named(web_broker, board_at, open_page, tmp_path):
    flash = tmp_path / "faulty.img"
    prepare(flash, bundle.tree_root(), config='{"app": "app"}')
    board = board_at(web_broker, flash=flash)
    board.allow_traceback = True
    page = open_page(web_broker.web_url)

    # There is no app.py: the supervisor tries again after 1, 2, 4 s.
    expect(row_of(page, NAME).locator(".concerns")).to_contain_text("restarts in an hour")
    expect(page.locator("[data-show=attention] b")).to_have_text("1")
    row = feed(page).filter(has_text="restart").first
    row.get_by_text("all of it").click()
    expect(row.locator("pre")).to_contain_text("Traceback")


def test_a_gap_in_seq_is_shown_and_a_repetition_is_not(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    row = row_of(page, "shed")
    publisher.event("ftp/transfer", event_type="deleted", path="/1", seq=4)
    publisher.event("ftp/transfer", event_type="deleted", path="/1", seq=4)
    publisher.event("ftp/transfer", event_type="deleted", path="/2", seq=5)
    expect(feed(page)).to_have_count(2)
    expect(row.locator(".concerns")).to_be_empty()
    publisher.event("ftp/transfer", event_type="deleted", path="/3", seq=9)

    expect(row.locator(".concerns")).to_have_text("3 events missed")
    expect(feed(page).filter(has_text="seq 6 to 8")).to_be_visible()


def test_seq_begins_anew_with_each_boot(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    publisher.event("ftp/login", user="a", seq=70, boot=1)
    publisher.event("ftp/login", user="b", seq=1, boot=2)
    publisher.event("ftp/login", user="spilt", seq=66, boot=1)  # kept over the reset
    publisher.event("ftp/login", user="c", seq=2, boot=2)
    expect(feed(page)).to_have_count(4)
    expect(row_of(page, "shed").locator(".concerns")).to_be_empty()
    publisher.event("ftp/login", user="d", seq=3, boot=3)  # 1 and 2 never came

    expect(row_of(page, "shed").locator(".concerns")).to_have_text("2 events missed")


def test_a_board_that_does_not_know_its_boot_begins_anew_by_its_info(
    publisher, web_broker, open_page
):
    publisher.appear()
    page = open_page(web_broker.web_url)
    publisher.event("ftp/login", user="a", seq=1, boot=0)
    publisher.event("ftp/login", user="b", seq=2, boot=0)
    publisher.info(boots=2, reset_cause="reset")
    publisher.event("ftp/login", user="c", seq=1, boot=0)

    expect(feed(page).filter(has_text="login")).to_have_count(3)
    expect(row_of(page, "shed").locator(".concerns")).to_be_empty()


def test_what_was_lost_while_the_page_was_away_is_not_the_boards_fault(
    publisher, web_broker, open_page
):
    publisher.appear()
    page = open_page(web_broker.web_url)
    publisher.event("ftp/login", user="a")
    expect(feed(page)).to_have_count(1)
    web_broker.restart()
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    other = Publisher(web_broker)
    other.event("ftp/login", user="b", seq=9)
    other.close()

    expect(feed(page).filter(has_text="while this page was not connected")).to_be_visible()
    expect(row_of(page, "shed").locator(".concerns")).to_be_empty()


def test_a_board_without_a_state_for_two_and_a_half_intervals_is_late(
    publisher, web_broker, open_page
):
    publisher.appear(telemetry={"every_s": 1})
    page = open_page(web_broker.web_url)
    late = page.locator("[data-show=late]")
    expect(late.locator("b")).to_have_text("1")
    expect(row_of(page, "shed").locator(".concerns")).to_contain_text("late by")
    publisher.state(telemetry={"every_s": 60})

    expect(late.locator("b")).to_have_text("0")


def test_a_retained_state_gives_a_least_uptime_until_the_next(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    uptime = row_of(page, "shed").locator(".uptime")
    expect(uptime).to_have_text("≥ 1 min")
    publisher.state(board={"uptime_s": 3700})

    expect(uptime).to_have_text("1 h 1 min")


def test_info_tells_an_uptime_before_the_first_state_comes(publisher, web_broker, open_page):
    publisher.appear()
    publisher.info(started="2020-01-01T00:00:00Z")
    page = open_page(web_broker.web_url)

    expect(row_of(page, "shed").locator(".uptime")).to_have_text(re.compile(r"^\d{4} d"))


LOOK_AT = (
    ({"rescue": {"reason": "three boots failed"}}, "rescue mode: three boots failed", "bad"),
    ({"update": {"phase": "rolled-back", "to": "2.0"}}, "update to 2.0 taken back", "bad"),
    ({"update": {"phase": "trial", "to": "2.0"}}, "update to 2.0 on trial", "warn"),
    ({"log": {"state": "failed"}}, "log failed", "bad"),
    (
        {"board": {"reset_cause": "watchdog", "hung_in": "app"}},
        "reset by its watchdog, app held the loop",
        "warn",
    ),
    ({"time": {"set": False}}, "clock not set", "warn"),
    ({"network": {"problem": "no such Wi-Fi"}}, "network names a problem", "warn"),
    ({"config": {"problems": "ftp.port: must be"}}, "config.json has faults", "warn"),
    ({"heap": {"free_bytes": 4, "total_bytes": 100}}, "heap nearly full", "warn"),
    ({"flash": {"free_bytes": 4, "total_bytes": 100}}, "flash nearly full", "warn"),
)


def test_what_its_owner_should_look_at(web_broker, open_page):
    for number, (sections, _, _) in enumerate(LOOK_AT):
        board = Publisher(web_broker, f"id-{number}")
        board.appear(**sections)
        board.close()
    page = open_page(web_broker.web_url)

    for number, (_, badge, level) in enumerate(LOOK_AT):
        row = row_of(page, f"id-{number}")
        expect(row.locator(".badge")).to_have_text(badge)
        expect(row).to_have_attribute("data-level", level)


def test_boards_can_be_found_sorted_and_filtered(web_broker, open_page):
    for number, name in enumerate(("north", "east", "south")):
        board = Publisher(web_broker, f"id{number}")
        heap = {"free_bytes": [30, 10, 20][number] * 1024, "total_bytes": 40960}
        board.appear(board={"name": name}, heap=heap)
        board.close()
    gone = Publisher(web_broker, "id9")
    gone.state(board={"name": "west"})
    gone.say("status", "offline", True)
    page = open_page(web_broker.web_url)
    names = page.locator("#boards-rows .name button")

    expect(names).to_have_text(["west", "east", "north", "south"])  # the worst first
    page.get_by_role("button", name="Heap").click()
    expect(names).to_have_text(["west", "east", "south", "north"])
    page.get_by_role("button", name="Heap").click()
    expect(names).to_have_text(["north", "south", "east", "west"])
    page.get_by_role("button", name="Offline").click()
    expect(names).to_have_text(["west"])
    page.get_by_role("button", name=re.compile("^All")).click()
    page.get_by_role("searchbox", name="Find a board").fill("id1")
    expect(names).to_have_text(["east"])
    gone.say("status", "", True)  # its owner has taken it away
    expect(page.locator("[data-show=all] b")).to_have_text("3")
    gone.close()


HOSTILE = (
    "{",
    "[1, 2]",
    "null",
    '"text"',
    b"\xff\xfe\x00",
    '{"board": 7, "heap": [], "ftp": "x", "time": null}',
    '{"board": {"name": {}, "boots": "x", "uptime_s": 1e999}, "heap": {"free_bytes": -1}}',
    '{"__proto__": {"state": "failed"}, "constructor": {"restarts": 1e308}, "toString": 1}',
    '{"event_type": 7, "seq": "x", "path": ["\\ud800"], "bytes": "1", "ms": -1, "error": {}}',
    '{"event_type": "__proto__", "seq": 1.5, "boot": -1, "time": "9999-99-99T99:99:99Z"}',
    '{"event_type": "stored", "seq": 9007199254740993, "path": null, "user": 1, "to": 7}',
    json.dumps({"event_type": "failed", "error": "x" * 600, "traceback": "y\n" * 1000}),
)
TOPICS = (
    "state",
    "info",
    "event/",
    "event/<b>",
    "event/__proto__",
    "event/board/blackbox",
    "event/ftp/login",
    "event/ftp/transfer",
    "event/service/restart",
    "event/update/x",
)


def test_whatever_is_said_the_page_lives(publisher, web_broker, open_page):
    page = open_page(web_broker.web_url)
    for payload in HOSTILE:
        for topic in TOPICS:
            publisher.say(topic, payload, wild=True)
        publisher.say("status", payload, wild=True)
    publisher.appear()
    publisher.event("ftp/transfer", event_type="deleted", path="/alive")

    expect(feed(page).filter(has_text="/alive")).to_be_visible()
    expect(row_of(page, "shed")).to_have_attribute("data-status", "online")
    row_of(page, "shed").get_by_role("button").click()
    expect(feed(page).filter(has_text="unreadable").first).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("({}).state") is None


def test_what_is_too_long_is_not_read(publisher, web_broker, open_page):
    page = open_page(web_broker.web_url)
    publisher.say("state", "x" * 70_000, wild=True)

    expect(feed(page)).to_contain_text("too long")


def test_boards_are_bounded(open_page):
    page = open_page()
    assert page.evaluate("""() => {
        const fleet = new Fleet("outpost");
        const online = new TextEncoder().encode("online");
        for (let i = 0; i < 5000; i += 1) fleet.take(`outpost/${i}/status`, online, true, i);
        return [fleet.boards.size, fleet.turnedAway];
    }""") == [1000, 4000]  # fmt: skip


def test_what_happens_to_files_and_at_logins_is_told_in_words(web_broker, board_at, open_page):
    board = board_at(web_broker)
    page = open_page(web_broker.web_url)
    session = board.ftp()
    session.storbinary("STOR /a.txt", io.BytesIO(b"x"))
    session.rename("/a.txt", "/b.txt")
    session.delete("/b.txt")
    with pytest.raises(Exception, match="530"):
        board.ftp(password="wrong")

    expect(feed(page).filter(has_text="/a.txt → /b.txt")).to_be_visible()
    expect(feed(page).filter(has_text="deleted")).to_contain_text("/b.txt")
    expect(feed(page).filter(has_text="wrong password")).to_have_attribute("data-level", "bad")
