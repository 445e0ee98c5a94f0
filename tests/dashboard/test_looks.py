"""How the page looks and is worked: themes, a phone's width, keyboard, accessibility rules."""

import datetime
import json
from pathlib import Path

import pytest
from fixtures_page import Publisher, feed, row_of
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1440, "height": 900}
LONG = "/" + "a-very-long-folder-without-a-place-to-break/" * 5 + "x" * 60


def fill(web_broker, publisher):
    """Say something of every kind, so that all there is to see is seen."""
    publisher.appear(
        board={"version": "weather-and-more-26+1f0c77a2"},
        rescue={"reason": "three boots failed"},
        update={"phase": "rolled-back", "to": "weather-and-more-27+77aa01bc", "reason": "E: 5"},
        heap={"free_bytes": 4096, "total_bytes": 131072},
        flash={"free_bytes": 999_999, "total_bytes": 6_291_456},
        network={"rssi": -67, "address": "192.168.1.5"},
        app={"state": "failed", "restarts": 4, "error": "OSError: " + "x" * 90},
        time={"set": False},
    )
    gone = Publisher(web_broker, "gone")
    gone.appear(board={"name": "gone"}, heap={"free_bytes": 40960, "total_bytes": 131072})
    gone.say("status", "offline", True)
    gone.close()
    transfer = {"verb": "STOR", "path": LONG}
    publisher.event("ftp/transfer", event_type="started", bytes=0, ms=0, **transfer)
    publisher.event("ftp/transfer", event_type="renamed", path=LONG, to=LONG)
    publisher.event("ftp/login", user="eve", ok=False, reason="wrong password", address="::1")
    publisher.event("update/confirmed", version="2.0", **{"from": "1.0"})
    publisher.event("service/restart", service="app", error="E", traceback="Traceback\n  x")
    publisher.event("ftp/transfer", event_type="deleted", path="/last", seq=20)


def filled(page):
    """Wait until all of fill() is on the page, and open what can be opened."""
    expect(feed(page).filter(has_text="/last")).to_be_visible()
    expect(feed(page).filter(has_text="missed")).to_be_visible()
    expect(row_of(page, "gone")).to_have_attribute("data-status", "offline")
    row_of(page, "shed").get_by_role("button").click()
    page.get_by_role("button", name="Connection").click()
    expect(page.locator("#settings")).to_be_visible()
    return page


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_follows_the_system_until_it_is_chosen(open_page):
    page = open_page(color_scheme="dark")
    dark = background(page)
    page.emulate_media(color_scheme="light")
    light = background(page)
    assert dark != light
    button = page.get_by_role("button", name="Theme")
    expect(button).to_have_text("Theme: auto")
    button.click()

    expect(button).to_have_text("Theme: dark")
    assert background(page) == dark
    page.reload()
    expect(button).to_have_text("Theme: dark")
    assert background(page) == dark
    button.click()
    expect(button).to_have_text("Theme: light")
    page.emulate_media(color_scheme="dark")
    assert background(page) == light
    button.click()
    expect(button).to_have_text("Theme: auto")
    assert background(page) == dark


def test_no_width_needs_sideways_scrolling(publisher, web_broker, open_page):
    page = open_page(web_broker.web_url, viewport=PHONE)
    fill(web_broker, publisher)
    filled(page)

    root = "document.documentElement"
    for width in (320, 390, 720, 900, 1199, 1200, 1366, 1440, 1839, 1840, 1920):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0, width
        assert page.evaluate("document.body.scrollWidth") <= width
        hidden = page.evaluate("""() => {
            const scroll = document.querySelector("#boards .scroll");
            return scroll.scrollWidth - scroll.clientWidth;
        }""")
        assert hidden == 0, width  # no column is cut off either


def left_of(locator):
    return locator.bounding_box()["x"]


def test_what_stands_below_each_other_is_in_line(publisher, web_broker, open_page):
    """An event that came without a time of its own, `~` before it, is no wider than the others."""
    page = open_page(web_broker.web_url, viewport=WIDE)
    fill(web_broker, publisher)
    filled(page)
    # Of today: before that the day is shown too.
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    timed = {"path": "/timed", "time": now, "seq": 21}
    publisher.event("ftp/transfer", event_type="deleted", **timed)
    expect(feed(page).filter(has_text="/timed")).to_be_visible()
    rows = page.locator("#feed-rows li")
    without = rows.filter(has=page.locator("time.arrival")).first
    timed = rows.filter(has_not=page.locator("time.arrival")).first
    for part in (".what", ".said"):
        assert left_of(without.locator(part)) == left_of(timed.locator(part))

    page.set_viewport_size(PHONE)
    row = row_of(page, "gone")
    name, presence, since = (
        row.locator(part).bounding_box() for part in ("td.name", ".presence", ".since")
    )
    assert since["y"] + since["height"] <= name["y"] + name["height"] + 1, "beside the board's id"
    assert since["y"] > presence["y"] + presence["height"] / 2, "below what it is"


@pytest.mark.parametrize(("scheme", "viewport"), [("dark", PHONE), ("light", WIDE)])
def test_the_rules_of_accessibility_are_kept(publisher, web_broker, open_page, scheme, viewport):
    if not AXE.exists():
        pytest.skip("NOT TESTED: axe-core is not there: `make page` fetches it, with npm")
    page = open_page(
        web_broker.web_url, color_scheme=scheme, viewport=viewport, reduced_motion="reduce"
    )
    fill(web_broker, publisher)
    filled(page)
    page.evaluate(AXE.read_text())
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(RULES)}}})")

    assert len(found["passes"]) > 20  # it did look
    faults = {
        fault["id"]: [node["html"][:120] + node["failureSummary"] for node in fault["nodes"]]
        for fault in found["violations"]
    }
    assert faults == {}


def test_all_can_be_done_by_keyboard_and_the_focus_stays(publisher, web_broker, open_page):
    publisher.appear()
    above = Publisher(web_broker, "above")
    above.appear(board={"name": "above"})
    above.close()
    page = open_page(web_broker.web_url)
    name = row_of(page, "shed").get_by_role("button")
    name.focus()
    page.keyboard.press("Enter")
    expect(name).to_have_attribute("aria-expanded", "true")
    publisher.say("status", "offline", True)
    # In trouble it goes to the top, and the focus with it.
    expect(page.locator("#boards-rows .name button").first).to_have_text("shed")
    expect(name).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.get_by_role("button", name="Connection").press("Enter")
    expect(page.get_by_label("Broker")).to_be_focused()
    page.get_by_role("button", name="Close").press("Enter")
    expect(page.get_by_role("button", name="Connection")).to_be_focused()


def test_who_listens_to_the_page_hears_which_board_is_gone(publisher, web_broker, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    expect(row_of(page, "shed")).to_be_visible()
    publisher.say("status", "offline", True)

    expect(page.locator("#news")).to_have_text("shed is offline")
