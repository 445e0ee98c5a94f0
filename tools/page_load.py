"""The page with 100 boards that talk all the time: memory, clicks and delay, in a real Chromium.

`make dashboard-figures` prints the figures of docs/dashboard.md; a test runs it for a few seconds.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fixtures_page import CHROMIUM_OPTIONS, Publisher, WebMosquitto, state_of
from fixtures_sim import desk
from outpost.dashboard import demo, page, programs
from playwright.sync_api import sync_playwright

BOARDS = 100
PER_SECOND = 3  # messages of each board: "a few"
CLICKS = 20
MARKS = 10
HEAP = 131_072
_WORDS = ("started", "progress", "progress", "stored")

# From the moment at which the browser got the click to the frame that shows what came of it.
WATCH_CLICKS = """() => {
    window.clicks = [];
    document.addEventListener("click", (event) => {
        requestAnimationFrame(() => setTimeout(() => {
            window.clicks.push(performance.now() - event.timeStamp);
        }));
    }, true);
}"""
# When the row that ends what a mark names is there, by the one clock that this machine has.
WATCH_MARKS = """() => {
    window.marks = {};
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) {
            const mark = /mark-\\d+/.exec(node.textContent);
            if (!mark || node.querySelector(".what").textContent === "started") continue;
            window.marks[mark[0]] ??= performance.timeOrigin + performance.now();
        }
    }).observe(document.getElementById("feed-rows"), { childList: true });
}"""


class Crowd:
    """Boards as plain MQTT clients, each of which says a few things a second."""

    def __init__(self, broker, boards=BOARDS):
        self.sent = 0
        self._boards = [Publisher(broker, f"board{number:03}") for number in range(boards)]
        for number, board in enumerate(self._boards):
            board.send("status", "online", True)
            board.send("state", _state(number, 0), True)
        for turn in range(len(_WORDS)):  # held against their schemas here, and later for speed not
            self._say(self._boards[0], 0, turn, wild=False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self):
        """A transfer of each board over and over; a state beside every tenth message."""
        pause = 1 / (PER_SECOND * len(self._boards))
        due = time.monotonic()
        turn = 0
        while not self._over.is_set():
            for number, board in enumerate(self._boards):
                self._say(board, number, turn)
                self.sent += 1
                due += pause
                self._over.wait(max(0, due - time.monotonic()))
            turn += 1

    @staticmethod
    def _say(board, number, turn, wild=True):
        if (turn + number) % 10 == 0:
            board.send("state", _state(number, turn), True, wild)
        done, step = divmod(turn + number, len(_WORDS))
        fields = {"event_type": _WORDS[step], "path": f"/log/{done}.csv"}
        moved = {"bytes": step * 4096, "ms": step * 1000}
        board.send(*board.next_event("ftp/transfer", **fields, **moved), wild=wild)

    def stop(self):
        """Stop talking and leave."""
        self._over.set()
        self._thread.join()
        for board in self._boards:
            board.close()


def _state(number, turn):
    """The state of a board of that number after so many turns."""
    sections = {
        "board": {"name": f"board {number}", "uptime_s": 1000 + turn},
        "heap": {"free_bytes": 60_000 + (number * 977 + turn * 331) % 40_000, "total_bytes": HEAP},
        "flash": {"free_bytes": 4_000_000, "total_bytes": 6_291_456},
        "network": {"state": "running", "rssi": -50 - (number + turn) % 40, "restarts": 0},
        "ftp": {"state": "running", "sessions": 1, "restarts": 0},
        "time": {"state": "running", "set": True, "offset_ms": number, "restarts": 0},
        "log": {"state": "running", "restarts": 0, "level": "INFO", "path": "/log/outpost.log"},
        "telemetry": {"state": "running", "every_s": 5, "connected": True, "sent": turn},
    }
    return state_of(**sections)


def measure(tab, broker, seconds):
    """Watch for so many seconds what 100 boards do to the page in tab; return the figures."""
    crowd = Crowd(broker)
    marker = Publisher(broker, "marker")
    devtools = tab.context.new_cdp_session(tab)
    devtools.send("Performance.enable")
    try:
        marker.appear(board={"name": "marker"})
        tab.evaluate(WATCH_MARKS)
        tab.evaluate(WATCH_CLICKS)
        began, said = time.monotonic(), crowd.sent
        marked = {}
        heaps = []
        for number in range(max(CLICKS, MARKS)):
            if number < MARKS:
                marked[f"mark-{number}"] = time.time() * 1000
                marker.event("ftp/login", user=f"mark-{number}")
            chip = "online" if number % 2 else "all"
            tab.locator(f"[data-show={chip}]").click()
            heaps.append(_js_heap(devtools))
            tab.wait_for_timeout(seconds * 1000 / max(CLICKS, MARKS))
        lasted = time.monotonic() - began
        shown = tab.evaluate("window.marks")
        figures = {
            "boards shown": tab.locator("#boards-rows tr").count(),
            "messages a second": (crowd.sent - said) / lasted,
            "events taken in": tab.evaluate("App.fleet.feed.count"),
            "click, median ms": statistics.median(tab.evaluate("window.clicks")),
            "click, worst ms": max(tab.evaluate("window.clicks")),
            "clicks": len(tab.evaluate("window.clicks")),
            "event to screen, median ms": statistics.median(
                shown[mark] - at for mark, at in marked.items() if mark in shown
            ),
            "events timed": len(shown),
            "JS heap, highest MB": max(heaps) / 1e6,
        }
        devtools.send("HeapProfiler.collectGarbage")
        figures["JS heap after collecting MB"] = _js_heap(devtools) / 1e6
        figures |= _memory(tab.context.browser)
        return figures
    finally:
        crowd.stop()
        marker.close()


def _js_heap(devtools):
    """Bytes that JavaScript's objects take, by Chromium's own account."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")


def _memory(browser):
    """What Chromium's processes take of the machine: their proportional share (PSS)."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    share = {}
    for process in processes:
        rollup = Path(f"/proc/{process['id']}/smaps_rollup")
        if rollup.exists():
            lines = rollup.read_text().splitlines()
            kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            share[process["type"]] = share.get(process["type"], 0) + kib * 1024 / 1e6
    whole = sum(share.values())
    return {"renderer process MB": share.get("renderer"), "all of Chromium MB": whole}


def measure_upload(tab, board):
    """From an upload's beginning to its `stored` on the screen, in ms, of ten uploads."""
    tab.evaluate(WATCH_MARKS)
    session = board.ftp()
    begun = {}
    for number in range(MARKS):
        mark = f"mark-{number}"
        begun[mark] = time.time() * 1000
        board.upload(session, f"/{mark}")
        tab.wait_for_timeout(100)
    tab.locator("#feed-rows li").filter(has_text=f"/{mark}").filter(has_text="stored").wait_for()
    shown = tab.evaluate("window.marks")
    delays = [shown[mark] - at for mark, at in begun.items()]
    return {
        "upload on screen, median ms": statistics.median(delays),
        "upload on screen, worst ms": max(delays),
    }


def main():
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60)
    seconds = options.parse_args().seconds
    program = shutil.which("chromium")
    if not program:
        sys.exit("chromium is not installed; on Debian: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        page.serving() as url,
        sync_playwright() as playwright,
        desk(Path(folder)) as start_board,
    ):
        broker = WebMosquitto(Path(folder), programs.free_port(), programs.free_port())
        broker.start()
        try:
            chromium = playwright.chromium.launch(
                executable_path=program, args=list(CHROMIUM_OPTIONS)
            )
            tab = chromium.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(demo.address(url, broker.web_url))
            board = start_board(config={"telemetry": {"broker": broker.url}})
            tab.locator("#boards-rows tr[data-status=online]").wait_for()
            figures = measure_upload(tab, board)
            tab.reload()
            figures |= measure(tab, broker, seconds)
            chromium.close()
        finally:
            broker.stop()
    for name, value in figures.items():
        print(f"{name:30} {value:10.1f}" if isinstance(value, float) else f"{name:30} {value:8}")


if __name__ == "__main__":
    main()
