"""`outpost dashboard`: what is served, and the demonstration as a person starts it."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fixtures_page import row_of
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
OUTPOST = Path(sys.executable).with_name("outpost")
PAGE = ROOT / "dashboard"


def test_the_page_and_all_that_it_loads_are_served(page_url):
    html = urllib.request.urlopen(page_url).read().decode()
    loaded = re.findall(r'(?:src|href)="([\w.-]+)"', html)

    assert len(loaded) > 10
    for name in loaded:
        answer = urllib.request.urlopen(page_url + name)
        assert answer.read() == (PAGE / name).read_bytes()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {path.name for path in PAGE.glob("*.js")} == {n for n in loaded if n.endswith(".js")}


@pytest.mark.parametrize(
    "path", ["package.json", ".npmrc", "node_modules/mqtt/dist/mqtt.min.js", "../main.py", "x/"]
)
def test_nothing_else_is_served(page_url, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(page_url + path)

    assert refused.value.code == 404


def test_the_lock_file_names_no_registry():
    lock = (PAGE / "package-lock.json").read_text()

    assert '"integrity"' in lock
    assert '"resolved"' not in lock


@contextlib.contextmanager
def dashboard(*options):
    """Run `outpost dashboard` while the block runs; gives the page's URL and the process."""
    process = subprocess.Popen(
        [OUTPOST, "dashboard", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        told = ""
        for line in process.stdout:
            told += line
            if found := re.search(r"The page: (\S+)", line):
                break
        else:
            pytest.fail(told)
        yield found[1], process
    finally:
        killer.cancel()
        process.kill()
        process.wait()


def test_a_demonstration_shows_three_boards_and_ends_at_ctrl_c(page_url, open_page):
    with dashboard("--demo") as (url, process):
        page = open_page(at=url)
        for name in ("weather-7", "greenhouse", "gate"):
            expect(row_of(page, name)).to_have_attribute("data-status", "online")
        expect(page.locator("#transfers-rows li").first).to_be_visible()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_the_page_is_served_for_a_broker_of_ones_own(page_url):
    with dashboard("--broker", "ws://10.0.0.7:9001") as (url, process):
        assert url.endswith("/?broker=ws%3A%2F%2F10.0.0.7%3A9001")
        assert b"<title>Outpost</title>" in urllib.request.urlopen(url).read()
        process.terminate()
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_named(page_url):
    port = page_url.rstrip("/").rpartition(":")[2]
    done = subprocess.run(
        [OUTPOST, "dashboard", "--port", port], capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 can't be used" in done.stderr
    assert "--port" in done.stderr
