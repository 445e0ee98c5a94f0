"""Fixtures `web_broker`, `publisher`, `open_page`: the page in a real browser, a real broker."""

import json
import shutil
import socket
from urllib.parse import urlencode

import pytest
from fixtures_mqtt import Mosquitto
from outpost.dashboard import page as dashboard_page

CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests may run as root, where Chromium has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 15_000  # for what takes a moment, on a machine that is busy with other things
# What Chromium itself prints where a broker is away; all else on the console fails a test.
EXPECTED_OF_CONSOLE = "WebSocket connection to "


class WebMosquitto(Mosquitto):
    """mosquitto with a listener for WebSocket beside that for boards."""

    def __init__(self, folder, port, web_port, user=None, password=None):
        super().__init__(folder, port, user, password)
        self.web_port = web_port
        with (folder / "mosquitto.conf").open("a") as config:
            config.write(f"listener {web_port} 127.0.0.1\nprotocol websockets\n")

    @property
    def web_url(self):
        """What the page is told."""
        return f"ws://127.0.0.1:{self.web_port}"

    def serves(self):
        """Whether it takes connections on both ports."""
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return super().serves() and probe.connect_ex(("127.0.0.1", self.web_port)) == 0


class Publisher:
    """A plain MQTT client that says what a board would, and what none would."""

    def __init__(self, broker, device="b0a4d"):
        import paho.mqtt.client as mqtt  # by the few tests that want it, not by all

        self.base = f"outpost/{device}/"
        self._seq = 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(0)  # no bound: a test sends what it sends
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def say(self, topic, payload, retain=False):
        """Publish a payload (bytes, text, or what becomes JSON) below the device's base topic."""
        self.send(topic, payload, retain).wait_for_publish(10)

    def send(self, topic, payload, retain=False):
        """The same without waiting until the broker has it: for many."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        return self._client.publish(self.base + topic, payload, 1, retain)

    def next_event(self, topic, **fields):
        """The topic and payload of an event with the next seq, as boards number them."""
        self._seq = fields.pop("seq", self._seq + 1)
        return "event/" + topic, {"seq": self._seq, "boot": 1, "time": None} | fields

    def event(self, topic, **fields):
        """Publish such an event."""
        self.say(*self.next_event(topic, **fields))

    def state(self, **sections):
        """Publish a state of a board that is well, but for these sections."""
        board = {"id": "b0a4d", "name": "shed", "version": "1.2", "boots": 1, "uptime_s": 100}
        sections["board"] = board | sections.get("board", {})
        self.say("state", {"ftp": {"state": "running"}, "time": {"set": True}} | sections, True)

    def appear(self, **sections):
        """Say online and how it is."""
        self.say("status", "online", True)
        self.state(**sections)

    def close(self):
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def web_broker(tmp_path, free_port):
    """A real broker with both listeners: started, and stopped at the end."""
    broker = WebMosquitto(tmp_path, free_port(), free_port())
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def publisher(web_broker):
    """A Publisher at web_broker."""
    made = Publisher(web_broker)
    yield made
    made.close()


@pytest.fixture(scope="module")
def page_url():
    """Where the page is served."""
    try:
        with dashboard_page.serving() as url:
            yield url
    except dashboard_page.PageError as error:
        pytest.skip(f"NOT TESTED: the dashboard: {error}")


# Not longer than a module: while it is there, asyncio.run() works in no other test.
@pytest.fixture(scope="module")
def browser():
    """Chromium, headless."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    program = shutil.which("chromium")
    if not program:
        pytest.skip("NOT TESTED: the dashboard: chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, page_url):
    """Open the page: (broker's URL=None, *, at=None, hash="", **of a browser context) -> its Page.

    at: another address than the served one. At the end the test fails where the page raised an
    exception or the browser complained, of a breach of the Content-Security-Policy for one.
    """
    contexts = []
    complaints = []

    def listen(page):
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning")
                and not message.text.startswith(EXPECTED_OF_CONSOLE)
                else None
            ),
        )

    def start(broker=None, *, at=None, hash="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("page", listen)
        page = context.new_page()
        query = f"?{urlencode({'broker': broker})}" if broker else ""
        page.goto((at or page_url) + query + hash)
        if broker:
            page.wait_for_selector("#connection[data-state=connected]", timeout=WAIT_MS)
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def board_at(start_board):
    """Start a simulated board that reports to a broker: (broker, **of start_board)."""

    def start(broker, **options):
        telemetry = {"broker": broker.url, "every_s": 5}
        config = {"telemetry": telemetry} | options.pop("config", {})
        return start_board(config=config, **options)

    return start


def row_of(page, name):
    """The table row of the board called name."""
    return page.locator("#boards-rows tr:not(.details)").filter(has_text=name)


def feed(page):
    """The rows of the feed."""
    return page.locator("#feed-rows > li")
