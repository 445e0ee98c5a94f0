"""Fixture `alone`: one service by itself in the real interpreter, driven line by line."""

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path

import pytest
from outpost.sim.interpreters import interpreter

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"packages": ROOT / "build" / "lib", "standins": ROOT / "tests" / "standins"}

# Each line from stdin is an expression, awaited where it can be; each answer and each event
# is a line of JSON. The meter is a task that wants to run every 10 ms: by how much it comes
# late is what a session or a transfer would have felt.
HARNESS = """
import sys, json
from time import ticks_diff, ticks_ms
import asyncio
from services.events import Events
from services.site import SiteCommands
from services.status import Status

def say(*what):
    sys.stdout.write(json.dumps(what) + "\\n")

status, events, site = Status(), Events(), SiteCommands()
events.subscribe(lambda topic, fields: say("event", topic, fields))
longest = 0

async def meter():
    global longest
    while True:
        before = ticks_ms()
        await asyncio.sleep_ms(10)
        longest = max(longest, ticks_diff(ticks_ms(), before) - 10)

def stall():
    global longest
    was, longest = longest, 0
    return was

async def stop():
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        pass

async def serve():
    global running
    running = asyncio.create_task(service.run())
    asyncio.create_task(meter())
    say("ready")
    commands = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        line = await commands.readline()
        if not line:
            return
        try:
            answer = eval(line)
            if hasattr(answer, "send"):
                answer = await answer
            say("answer", answer)
        except Exception as error:
            say("error", "%s: %s" % (type(error).__name__, error))

SETUP
asyncio.run(serve())
"""


class Device:
    """The interpreter with one service in it: ask(expression), wait_for(topic)."""

    def __init__(self, process):
        self.process = process
        self.events = []  # (topic, fields) of all that have come
        self._lines = queue.Queue()
        self._answers = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _take(self, deadline):
        """Take one line in; AssertionError once the deadline has passed or the device died."""
        try:
            line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"nothing came in time; events so far: {self.events}") from None
        assert line is not None, f"the interpreter ended: {self.process.stderr.read()}"
        try:
            kind, *what = json.loads(line)
        except (ValueError, TypeError):
            raise AssertionError(f"not a line of the harness: {line}") from None
        if kind == "event":
            self.events.append(tuple(what))
        else:
            self._answers.append((kind, *what))

    def ask(self, expression, timeout=20):
        """Evaluate expression on the device and return its value; its exception fails the test."""
        kind, value = self.try_to(expression, timeout)
        assert kind == "answer", value
        return value

    def try_to(self, expression, timeout=20):
        """Evaluate expression; return ("answer", value) or ("error", text)."""
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + timeout
        while not self._answers:
            self._take(deadline)
        return self._answers.pop(0)

    def wait_for(self, topic, timeout=20, **fields):
        """Return the fields of the next event of this topic with these fields; consume it."""
        deadline = time.monotonic() + timeout
        while True:
            for index, (seen, given) in enumerate(self.events):
                if seen == topic and given | fields == given:
                    del self.events[: index + 1]
                    return given
            self._take(deadline)

    def wait_until(self, expression, timeout=20):
        """Return once expression is true on the device."""
        deadline = time.monotonic() + timeout
        while not self.ask(expression):
            assert time.monotonic() < deadline, f"never became true: {expression}"
            time.sleep(0.05)

    def wait_ready(self):
        """Return once the service is made."""
        deadline = time.monotonic() + 20
        while not self._answers:
            self._take(deadline)
        assert self._answers.pop(0) == ("ready",)


@pytest.fixture
def alone(tmp_path):
    """Start a service by itself: (setup, packages=None, heap=None) -> Device.

    setup is device code that sets `service`, given status, events and site. packages: "packages"
    for the real ones that `make deps` fetched, "standins" for ours; None: whatever there is.
    """
    with contextlib.ExitStack() as stack:

        def start(setup, packages=None, heap=None):
            script = tmp_path / f"alone{time.monotonic_ns()}.py"
            script.write_text(HARNESS.replace("SETUP", setup))
            found = [packages] if packages else list(PACKAGES)
            search = [ROOT, *(PACKAGES[name] for name in found), ".frozen"]
            process = stack.enter_context(
                subprocess.Popen(
                    [
                        *interpreter().plain,
                        *(["-X", f"heapsize={heap}"] if heap else []),
                        script,
                    ],
                    env=os.environ | {"MICROPYPATH": ":".join(map(str, search))},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
            )
            stack.callback(process.kill)
            device = Device(process)
            device.wait_ready()
            return device

        yield start


@pytest.fixture(params=PACKAGES)
def packages(request):
    """Each of the two sets of packages: the real ones, where they are, and our stand-ins."""
    if request.param == "packages" and not list(PACKAGES["packages"].glob("ntptime.*py")):
        pytest.skip("the real packages are not in build/lib: run `make deps`")
    return request.param
