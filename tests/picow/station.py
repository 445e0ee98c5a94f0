"""The board of a test run: Outpost deployed once, a broker and a time server beside it."""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from fixtures_mqtt import Mosquitto, Subscriber
from fixtures_time import Chronyd
from picow import flash_image, needs
from picow.board import CONFIG, PATIENCE_S, PicoW
from picow.children import LEASHED
from picow.network import BOARD, HOST

MQTT_PORT = 1883
_LATE_S = 2.5 * CONFIG["telemetry"]["every_s"]  # docs/mqtt.md: a state is late then


class Station:
    """A PicoW on which Outpost is installed, and what it talks to.

    installed: what `outpost deploy` said, or mpremote where the firmware has Outpost frozen.
    console_installed: all that the board printed until it served for the first time.
    """

    def __init__(self, firmware, folder):
        self.firmware = firmware
        self.folder = Path(folder)
        self.flash = self.folder / "flash.bin"
        self._image = self.folder / "installed.bin"
        self._clean = False
        self.board = PicoW(firmware, folder, self.flash)
        try:
            with self.board.network.inside():
                self._start_servers()
                self._install()
        except BaseException:
            self.stop()
            raise

    def _start_servers(self):
        self.broker = Mosquitto(self.folder, MQTT_PORT, host=HOST)
        self.clock = Chronyd(self.folder, HOST)
        for server in (self.broker, self.clock):
            server.command = [*LEASHED, *server.command]
            server.start()
        self.subscriber = Subscriber(self.broker)

    def _install(self):
        board = self.board
        board.power_on()
        if self.firmware.frozen:
            # It starts by itself, on the empty flash: let it, and then come with a config.json.
            wait_until(lambda: "board/boot" in board.console, "started by itself", PATIENCE_S)
            self.installed = self._configure_frozen()
        else:
            self.installed = board.deploy(tree=needs.tree())
        board.wait_serving()
        self.console_installed = board.console
        board.power_off()
        shutil.copy(self.flash, self._image)

    def _configure_frozen(self):
        """Bring config.json onto a board whose firmware has the rest."""
        config = self.folder / "config.json"
        config.write_text(json.dumps(CONFIG))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mpremote", "connect", self.board.port, "resume"),
                *("fs", "cp", config, ":config.json", "+", "reset"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{done.stdout}\n{self.board.console[-3000:]}"
        return done.stdout

    def stop(self):
        """End all of it."""
        for part in ("subscriber", "clock", "broker", "board"):
            if hasattr(self, part):
                getattr(self, part).stop()

    @contextlib.contextmanager
    def use(self):
        """The board for one test, serving; the caller is in its network.

        It boots anew unless the user before this one has called clean().
        """
        with self.board.network.inside():
            if not (self._clean and self.board.serves()):
                self.reboot()
            self._clean = False
            yield self.board

    def clean(self):
        """The next test may have the board as it is."""
        self._clean = True

    def reboot(self, **sections):
        """Boot from what was installed, with these sections of config.json changed; wait for FTP.

        A value of None removes a key. Returns where the new boot's text begins on the console.
        """
        start = self.boot(**sections)
        self.board.wait_serving()
        return start

    def boot(self, **sections):
        """The same, without waiting for FTP."""
        self.board.power_off()
        # In place: the emulator has the file open.
        with open(self._image, "rb") as source, open(self.flash, "r+b") as target:
            shutil.copyfileobj(source, target)
        if sections:
            config = changed(CONFIG, sections)
            flash_image.write(self.flash, "/config.json", json.dumps(config).encode())
            with contextlib.suppress(Exception):
                flash_image.remove(self.flash, "/config.last")
        start = len(self.board.console)
        self.board.power_on()
        return start

    # ---- MQTT --------------------------------------------------------------------------------

    def connections(self):
        """How often the board has connected to the broker so far."""
        lines = self.broker.log.read_text(errors="replace").splitlines()
        return sum(f"New client connected from {BOARD}" in line for line in lines)

    def wait_mqtt(self):
        """Wait until the board is on the broker and has sent a state; returns connections()."""
        states = len(self.subscriber.matching("/state"))
        self.subscriber.wait_for("/state", states + 1, timeout=4 * _LATE_S)
        return self.connections()

    def states(self):
        """How many states the board has sent so far."""
        return len(self.subscriber.matching("/state"))


class Watch:
    """Sees that a board stays well while a test tortures it: check() raises AssertionError."""

    def __init__(self, station, mqtt=True):
        self.station = station
        self.board = station.board
        self._mqtt = station.wait_mqtt() if mqtt else None
        self._resets = len(self.board.resets)
        self._states = station.states()
        self._since = self.board.seconds
        self.board.control("feeds forget")

    def resets(self):
        """The resets since it began."""
        return self.board.resets[self._resets :]

    def check(self):
        """No reset, one connection to the broker all the time, no state that is late."""
        resets = self.resets()
        assert not resets, f"{resets}\n{self.board.console[-3000:]}"
        if self._mqtt is None:
            return
        assert self.station.connections() == self._mqtt, self.board.console[-3000:]
        now = self.board.seconds
        states = self.station.states()
        if states > self._states:
            self._states = states
            self._since = now
        assert now - self._since < _LATE_S, f"no state for {now - self._since:.0f} s"

    @property
    def longest_feed_gap_ms(self):
        """The longest time between two feeds of the watchdog so far."""
        return self.board.control("feeds")["longest_ms"]

    @contextlib.contextmanager
    def within(self, seconds, what):
        """AssertionError if what is done meanwhile takes more of the board's time."""
        start = self.board.seconds
        yield
        took = self.board.seconds - start
        assert took < seconds, f"{what} took {took:.2f} s of the board's time"


def changed(config, sections):
    """config with the keys of some sections changed; None removes a key."""
    config = copy.deepcopy(config)
    for section, values in sections.items():
        if not isinstance(values, dict):
            config[section] = values
            continue
        for key, value in values.items():
            if value is None:
                config[section].pop(key, None)
            else:
                config[section][key] = value
    return config


def seconds_of(variable, default):
    """A length of time that an environment variable may change."""
    return float(os.environ.get(variable, default))


def wait_until(condition, what, timeout):
    """Wait until condition() holds, `timeout` seconds at most."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not {what} within {timeout} s"
        time.sleep(0.2)
