"""Takes docs/dashboard-*.png: the page with the demonstration's boards, in a real Chromium.

Run by `make picture`, as root: chronyd, which sets the boards' clocks, wants port 123.
"""

import shutil
import sys
from pathlib import Path

from outpost.dashboard import demo
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parents[2] / "docs"
BUSY_MS = 45_000  # until enough has happened to be worth a look
HISTORY_MS = 300_000  # until there is a history that can be seen
PICTURES = {
    "dashboard-dark.png": ("dark", {"width": 1366, "height": 800}),
    "dashboard-phone.png": ("light", {"width": 390, "height": 844}),
}


def main():
    """Start the demonstration, let it go on for a while, take each picture."""
    with demo.running() as shown, sync_playwright() as playwright:
        print(*shown.notes, sep="\n", file=sys.stderr)
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        tabs = {}
        for name, (scheme, size) in PICTURES.items():
            tabs[name] = chromium.new_page(color_scheme=scheme, viewport=size)
            tabs[name].goto(shown.url)
        tabs["dashboard-dark.png"].wait_for_timeout(BUSY_MS)
        # One board goes, so that there is something to look at.
        shown.boards[1].kill()
        tabs["dashboard-dark.png"].locator("tr[data-status=offline]").wait_for()
        tabs["dashboard-dark.png"].mouse.move(5, 5)
        for name, tab in tabs.items():
            tab.locator("#transfers-rows li[data-state=running]").first.wait_for()
            tab.screenshot(path=DOCS / name)
        wide = tabs["dashboard-dark.png"]
        names = wide.locator("#boards-rows .name button")
        names.filter(has_text=demo.NAMES[-1]).click()
        wide.wait_for_timeout(HISTORY_MS)
        wide.locator(".history").screenshot(path=DOCS / "dashboard-history.png")
        chromium.close()


if __name__ == "__main__":
    main()
