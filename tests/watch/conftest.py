"""Fixtures for `outpost watch`: brokers that were told of boards, the command on a terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pyte
import pytest
from cryptography.hazmat.primitives import serialization
from fixtures_mqtt import Mosquitto
from outpost import certificate

OUTPOST = Path(sys.executable).with_name("outpost")
_PATIENCE_S = 20


class Terminal:
    """The command on a terminal of that size: what a person sees, and the bytes behind it."""

    def __init__(self, arguments, columns, rows, kind):
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        # They would stand for the terminal's own size; a parallel run of tests sets them.
        size = ("COLUMNS", "LINES")
        environment = {name: os.environ[name] for name in os.environ if name not in size}
        self._process = pexpect.spawn(
            str(OUTPOST), arguments, dimensions=(rows, columns),
            env=environment | {"TERM": kind},
            # A run of tests in the background ignores Ctrl-C; what it starts would, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    @property
    def lines(self):
        """What the screen shows, line by line."""
        return [line.rstrip() for line in self._screen.display]

    def take(self):
        """Take in what was drawn meanwhile."""
        try:
            drawn = self._process.read_nonblocking(65536, timeout=0.05)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += drawn
        self._stream.feed(drawn)

    def wait_for(self, *texts):
        """Return the lines once each text is on the screen, at the same time."""
        deadline = time.monotonic() + _PATIENCE_S
        while not all(text in "\n".join(self.lines) for text in texts):
            shown = "\n".join(self.lines)
            assert time.monotonic() < deadline, f"never seen together: {texts}\n{shown}"
            self.take()
        return self.lines

    def resize(self, columns, rows):
        """Give the window another size."""
        self._screen.resize(rows, columns)
        self._process.setwinsize(rows, columns)

    def interrupt(self):
        """Ctrl-C, and its exit status."""
        self._process.sendintr()
        return self.end()

    def end(self):
        """Wait for its end; the exit status."""
        deadline = time.monotonic() + _PATIENCE_S
        while self._process.isalive():
            assert time.monotonic() < deadline, "it does not end"
            self.take()
        self.take()
        return self._process.exitstatus

    def close(self):
        """End it, however the test went."""
        self._process.close(force=True)


@pytest.fixture
def terminal():
    """Run `outpost watch` on a terminal: (*arguments, columns=80, rows=24, kind=...) -> Terminal.

    kind: what the environment has as TERM.
    """
    terminals = []

    def start(*arguments, columns=80, rows=24, kind="xterm-256color"):
        terminals.append(Terminal(["watch", *arguments], columns, rows, kind))
        return terminals[-1]

    yield start
    for each in terminals:
        each.close()


@pytest.fixture
def publish():
    """Publish to a broker: (mosquitto, topic, payload, retain=False); a dict as JSON."""

    def send(mosquitto, topic, payload, retain=False):
        if isinstance(payload, dict):
            payload = json.dumps(payload, ensure_ascii=False)
        subprocess.run(
            [
                "mosquitto_pub", "-h", "127.0.0.1", "-p", str(mosquitto.port), "-q", "1",
                *mosquitto.options, *(["-r"] if retain else []), "-t", topic, "-s",
            ],
            check=True, input=payload if isinstance(payload, bytes) else payload.encode(),
        )  # fmt: skip

    return send


@pytest.fixture
def told(publish):
    """Tell a broker of a board, as it would itself: (mosquitto, id, status, **state)."""

    def tell(mosquitto, board, status="online", name=None, **state):
        base = f"outpost/{board}"
        info = {"board": name or board, "version": "1.4.0", "boots": 3, "address": "10.0.0.7"}
        publish(mosquitto, f"{base}/status", status, retain=True)
        publish(mosquitto, f"{base}/info", info, retain=True)
        publish(mosquitto, f"{base}/state", {"board": {"uptime_s": 7200}} | state, retain=True)

    return tell


@pytest.fixture
def watch():
    """Run `outpost watch` to its end: (*arguments, **environment) -> CompletedProcess."""

    def run(*arguments, **environment):
        return subprocess.run(
            [OUTPOST, "watch", *arguments], capture_output=True, text=True, timeout=30,
            env=os.environ | environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


@pytest.fixture
def piped():
    """Start `outpost watch` in a pipe: (*arguments) -> Popen, whose stdout gives lines."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [OUTPOST, "watch", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        assert process.stderr.readline() == b"broker: connected\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


class TlsMosquitto(Mosquitto):
    """mosquitto that speaks TLS alone; certificate is the file that clients trust."""

    def __init__(self, folder, port):
        super().__init__(folder, port)
        pair = certificate.make(["127.0.0.1"])
        self.certificate = folder / "broker.pem"
        self.certificate.write_text(pair.pem)
        key = folder / "broker.key"
        private = serialization.load_der_private_key(pair.key, None)
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        with (folder / "mosquitto.conf").open("a") as config:
            config.write(f"certfile {self.certificate}\nkeyfile {key}\n")

    @property
    def url(self):
        """What to call."""
        return f"mqtts://127.0.0.1:{self.port}"


@pytest.fixture
def tls_mosquitto(tmp_path, free_port):
    """A real broker with a certificate for 127.0.0.1."""
    broker = TlsMosquitto(tmp_path, free_port())
    broker.start()
    yield broker
    broker.stop()
