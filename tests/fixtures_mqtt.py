"""Fixtures `mosquitto` and `subscriber`: a real MQTT broker, and one who listens to it."""

import getpass
import json
import shutil
import socket
import subprocess
import threading
import time

import pytest
from fixtures_time import Process


class Mosquitto(Process):
    """mosquitto on a port of its own; with user and password where they are given."""

    def __init__(self, folder, port, user=None, password=None, host="127.0.0.1"):
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if not program:
            pytest.skip("NOT TESTED: mosquitto is not installed (Debian packages mosquitto*)")
        self.host = host
        self.port = port
        self.login = f"{user}:{password}@" if user else ""
        self.options = ["-u", user, "-P", password] if user else []
        lines = [
            f"listener {port} {host}",
            f"allow_anonymous {str(not user).lower()}",
            f"user {getpass.getuser()}",  # it would give up root before it reads our files
            # A subscriber shall hear what is published before it has come back from a restart.
            "persistence true",
            f"persistence_location {folder}/",
            "queue_qos0_messages true",
        ]
        if user:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, user, password], check=True)
            lines.append(f"password_file {passwords}")
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        super().__init__([program, "-v", "-c", config], folder / "mosquitto.log")

    @property
    def url(self):
        """What config.json says to use this broker."""
        return f"mqtt://{self.login}{self.host}:{self.port}"

    def publish(self, topic, payload, retain=False):
        """Publish a message (bytes) as anybody could; return once the broker has it."""
        subprocess.run(
            [
                *("mosquitto_pub", "-h", self.host, "-p", str(self.port), *self.options),
                *("-q", "1", "-t", topic, "-s", *(["-r"] if retain else [])),
            ],
            input=payload,
            check=True,
        )

    def serves(self):
        """Whether it takes connections."""
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.host, self.port)) == 0


class Message:
    """One message: topic, payload (bytes) and whether it was retained."""

    def __init__(self, line):
        topic, retained, payload = line.rstrip(b"\n").split(b"\t", 2)
        self.topic = topic.decode()
        self.retained = retained == b"1"
        self.payload = bytes.fromhex(payload.decode())

    @property
    def json(self):
        """The payload read as JSON."""
        return json.loads(self.payload)

    def __repr__(self):
        return f"{self.topic}{' (retained)' if self.retained else ''} {self.payload.decode()}"


class Subscriber:
    """mosquitto_sub on every topic of one broker, which remembers it through a restart."""

    def __init__(self, mosquitto):
        self.messages = []
        self.process = subprocess.Popen(
            [
                "mosquitto_sub",
                *("-h", mosquitto.host, "-p", str(mosquitto.port), *mosquitto.options),
                *("-c", "-i", f"subscriber-{id(self)}", "-q", "1"),
                *("-t", "#", "-F", "%t\\t%r\\t%x"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_subscribed(mosquitto)

    def _read(self):
        for line in self.process.stdout:
            self.messages.append(Message(line))

    def _wait_subscribed(self, mosquitto):
        """A message of our own that comes back proves the subscription."""
        deadline = time.monotonic() + 10
        while not any(message.topic == "ready" for message in self.messages):
            assert time.monotonic() < deadline, "mosquitto_sub does not subscribe"
            mosquitto.publish("ready", b"ready")
            time.sleep(0.05)

    def matching(self, topic, **fields):
        """All messages so far whose topic ends in `topic` and whose JSON has these fields."""
        return [
            message
            for message in list(self.messages)
            if message.topic.endswith(topic)
            and (not fields or message.json | fields == message.json)
        ]

    def wait_for(self, topic, count=1, timeout=20, **fields):
        """Return the count-th matching message, as soon as there are that many."""
        deadline = time.monotonic() + timeout
        while len(found := self.matching(topic, **fields)) < count:
            assert time.monotonic() < deadline, f"no {topic} {fields} in {self.messages}"
            time.sleep(0.02)
        return found[count - 1]

    def stop(self):
        """End it."""
        self.process.kill()
        self.process.wait()
        self._reader.join()


@pytest.fixture
def mosquitto(tmp_path, free_port):
    """A real broker without passwords: started, and stopped at the end."""
    broker = Mosquitto(tmp_path, free_port())
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto_with_login(tmp_path, free_port):
    """A real broker that asks for a user and a password."""
    broker = Mosquitto(tmp_path, free_port(), "board", "s3cret/word")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def subscribe():
    """Start a subscriber: (mosquitto) -> Subscriber."""
    subscribers = []

    def start(mosquitto):
        subscribers.append(Subscriber(mosquitto))
        return subscribers[-1]

    yield start
    for subscriber in subscribers:
        subscriber.stop()


@pytest.fixture
def subscriber(mosquitto, subscribe):
    """One who hears everything that the broker `mosquitto` passes on."""
    return subscribe(mosquitto)
