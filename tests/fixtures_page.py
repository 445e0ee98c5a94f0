"""Fixtures `web_broker`, `publisher`, `open_page`: the page in a real browser, a real broker."""

import json
import shutil
import socket
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from fixtures_mqtt import Mosquitto
from outpost.dashboard import page as dashboard_page
from telemetry.payloads import faults

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


class Message(NamedTuple):
    """What telemetry.payloads holds against a schema: a topic below outpost/, a payload."""

    topic: str
    payload: bytes

    @property
    def json(self):
        """The payload read as JSON."""
        return json.loads(self.payload)


class Publisher:
    """A plain MQTT client that says what a board would, held against docs/schemas.

    What no board would say goes with wild=True.
    """

    def __init__(self, broker, device="b0a4d"):
        import paho.mqtt.client as mqtt  # by the few tests that want it, not by all

        self.base = f"outpost/{device}/"
        self._seq = 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(0)  # no bound: a test sends what it sends
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def say(self, topic, payload, retain=False, wild=False):
        """Publish a payload (bytes, text, or what becomes JSON) below the device's base topic."""
        self.send(topic, payload, retain, wild).wait_for_publish(10)

    def send(self, topic, payload, retain=False, wild=False):
        """The same without waiting until the broker has it: for many."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        if not wild and payload:  # an empty one takes away what is retained
            raw = payload if isinstance(payload, bytes) else payload.encode()
            found = faults(Message(f"outpost/device/{topic}", raw))
            assert found == [], "no board says that"
        return self._client.publish(self.base + topic, payload, 1, retain)

    def next_event(self, topic, **fields):
        """The topic and payload of an event with the next seq, complete, as boards send them."""
        self._seq = fields.pop("seq", self._seq + 1)
        return "event/" + topic, event_of(topic, fields | {"seq": self._seq})

    def event(self, topic, wild=False, **fields):
        """Publish such an event."""
        self.say(*self.next_event(topic, **fields), wild=wild)

    def state(self, **sections):
        """Publish a state of a board that is well, but for these sections."""
        self.say("state", state_of(**sections), True)

    def info(self, **fields):
        """Publish an info of that board, but for these fields."""
        self.say("info", INFO | fields, True)

    def appear(self, **sections):
        """Say online and how it is."""
        self.say("status", "online", True)
        self.state(**sections)

    def close(self):
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


BOARD = {
    "id": "b0a4d",
    "name": "shed",
    "version": "1.2",
    "firmware": "MicroPython 1.28.0",
    "boots": 1,
    "reset_cause": "power-on",
    "uptime_s": 100,
}
INFO = {
    "version": "1.2",
    "firmware": "MicroPython 1.28.0",
    "board": "shed",
    "address": "192.168.1.5",
    "reset_cause": "power-on",
    "boots": 1,
    "started": None,
}
_PLAIN = ("board", "heap", "flash", "loop", "config", "rescue")  # sections that are no service's
_CLIENT = {"user": "eve", "address": "192.168.1.9"}
_EVENTS = {  # what each kind has at least
    "ftp/transfer": {"path": "/x"} | _CLIENT,
    "ftp/login": {"ok": True} | _CLIENT,
    "service/restart": {
        "service": "app", "error": "OSError: 5", "traceback": None, "failures": 1, "delay_s": 1,
    },
}  # fmt: skip


def state_of(**sections):
    """The state of a board that is well, but for these sections."""
    state = {"board": BOARD, "ftp": {}, "time": {"set": True}}
    for name, section in sections.items():
        state[name] = (BOARD if name == "board" else {}) | section
    return {
        name: section if name in _PLAIN else {"state": "running"} | section
        for name, section in state.items()
    }


def event_of(topic, fields):
    """An event of that topic, complete, with these fields."""
    event = {"event_type": topic.rpartition("/")[2], "boot": 1, "time": None}
    event |= _EVENTS.get(topic, {}) | fields
    if topic == "ftp/transfer":
        what = event["event_type"]
        event = {"ok": what != "failed"} | event
        if what not in ("deleted", "renamed"):
            event = {"verb": "STOR", "bytes": 0, "ms": 0} | event
    return event


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
