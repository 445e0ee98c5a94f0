"""100 boards at once: what docs/dashboard.md says of it holds, with room for a busy machine."""

import importlib.util
from pathlib import Path

from playwright.sync_api import expect

_TOOL = Path(__file__).parents[2] / "tools" / "page_load.py"
_SPEC = importlib.util.spec_from_file_location("page_load", _TOOL)
load = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(load)


def test_a_hundred_boards_leave_the_page_small_and_quick(web_broker, open_page):
    page = open_page(web_broker.web_url, viewport={"width": 1440, "height": 900})
    figures = load.measure(page, web_broker, seconds=4)

    assert figures["boards shown"] == load.BOARDS + 1
    assert figures["events timed"] == load.MARKS  # each was there within the time
    assert figures["messages a second"] > load.BOARDS  # it was a load
    assert figures["clicks"] == load.CLICKS
    assert figures["JS heap, highest MB"] < 100
    assert figures["click, median ms"] < 1000
    expect(page.locator("#feed-rows > li").first).to_be_visible()
    assert page.locator("#feed-rows > li").count() <= 500
