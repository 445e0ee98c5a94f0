"""The feed of events: bounded, filtered, held."""

import re

from fixtures_page import Publisher, feed
from playwright.sync_api import expect


def deleted(publisher, path, **fields):
    publisher.event("ftp/transfer", event_type="deleted", path=path, **fields)


def test_thousands_of_events_leave_a_bounded_page(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    for number in range(1, 5001):
        publisher.send(*publisher.next_event("ftp/login", user=f"u{number}"))
    publisher.event("ftp/login", user="the last", seq=5001)

    expect(feed(page).first).to_contain_text("the last")
    assert feed(page).count() == 500
    assert page.evaluate("App.fleet.feed.count") == 5001  # no frame swallowed one
    assert page.evaluate("App.fleet.feed.entries.length") <= 2500
    assert page.evaluate("document.querySelectorAll('*').length") < 6000
    # What the last 500 don't hold, a filter still finds.
    page.get_by_role("searchbox", name="Text in the event").fill("u4001")
    expect(feed(page)).to_have_count(1)


def test_the_feed_can_be_filtered_by_board_kind_and_text(publisher, web_broker, open_page):
    publisher.appear()
    other = Publisher(web_broker, "other")
    other.appear(board={"name": "gate"})
    page = open_page(web_broker.web_url)
    deleted(publisher, "/One.txt")
    publisher.event("ftp/login", user="eve", ok=False, reason="wrong password")
    deleted(other, "/two.txt")
    other.close()
    expect(feed(page)).to_have_count(3)

    board = page.get_by_role("combobox", name="Board")
    kind = page.get_by_role("combobox", name="Kind of event")
    text = page.get_by_role("searchbox", name="Text in the event")
    board.select_option("gate")
    expect(feed(page)).to_have_count(1)
    expect(feed(page)).to_contain_text("/two.txt")
    board.select_option("All boards")
    kind.select_option("Logins")
    expect(feed(page)).to_contain_text("eve")
    kind.select_option("Failures alone")
    expect(feed(page)).to_have_count(1)
    kind.select_option("All events")
    text.fill("one.TXT")
    expect(feed(page)).to_have_count(1)
    text.fill("nothing is like this")
    expect(page.locator("#feed-empty")).to_have_text("No event is like that.")
    # What comes now passes the filter, or doesn't.
    text.fill("three")
    deleted(publisher, "/three.txt")
    deleted(publisher, "/four.txt")
    expect(feed(page)).to_have_count(1)
    text.fill("")
    expect(feed(page)).to_have_count(5)


def test_the_feed_can_be_held(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    deleted(publisher, "/before")
    expect(feed(page)).to_have_count(1)
    page.get_by_role("button", name="Hold").click()
    deleted(publisher, "/meanwhile")

    held = page.get_by_role("button", name="Held, 1 new")
    expect(held).to_have_attribute("aria-pressed", "true")
    expect(feed(page)).to_have_count(1)
    held.click()
    expect(feed(page)).to_have_count(2)


def test_times_are_the_boards_or_marked_as_those_of_the_arrival(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url, timezone_id="UTC")
    deleted(publisher, "/untimed")
    expect(feed(page).first.locator("time")).to_have_class("arrival")
    deleted(publisher, "/timed", time="2026-03-04T05:06:07Z")

    time = feed(page).first.locator("time")
    expect(time).to_have_text(re.compile(r"Mar.*05:06:07"))
    expect(time).to_have_attribute("datetime", "2026-03-04T05:06:07.000Z")
    expect(time).not_to_have_class("arrival")


def test_a_black_box_opens_to_the_last_lines_of_the_log(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    log = "one\ntwo \u001b[31mred"
    publisher.event("board/blackbox", cause="watchdog", service="app", crash=None, log=log)
    row = feed(page)
    expect(row).to_contain_text("an unclean reset in app")
    row.get_by_text("all of it").click()

    expect(row.locator("pre")).to_have_text("one\ntwo \u2039U+001B\u203a[31mred")


def test_an_event_of_a_later_version_is_shown_as_it_is(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    publisher.event("sensor/alarm", wild=True, event_type="hot", celsius=91)

    expect(feed(page)).to_contain_text("hotsensor/alarm")
    expect(feed(page)).to_contain_text("celsius=91")
    assert "seq=" not in feed(page).inner_text()
