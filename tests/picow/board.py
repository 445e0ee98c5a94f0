"""`PicoW`: an emulated board in a network of its own, as tests and people use it."""

import contextlib
import ftplib
import json
import subprocess
import sys
import time
from pathlib import Path

from mpremote.transport_serial import SerialTransport
from picow.emulator_process import Emulator
from picow.needs import ROOT
from picow.network import BOARD, HOST, Network

OUTPOST = Path(sys.executable).with_name("outpost")
USER = "admin"
PASSWORD = "secret"
CONFIG = {
    "name": "emulated",
    "network": {"ssid": "net", "password": "password"},
    "ftp": {"users": {USER: {"password": PASSWORD, "role": "admin", "root": "/"}}},
    "time": {"servers": ["time.test"]},
    "telemetry": {"broker": "mqtt://broker.test", "every_s": 10},
}
# The emulation is 3 to 4 times slower than a chip, and other work may have the processor.
SERVING_S = 180
DEPLOY_S = 600
PATIENCE_S = 60
_LOOK_S = 0.1


class PicoW:
    """An emulated Pico W; its power is off at first.

    firmware: a Firmware. folder: a short path for sockets and logs. flash: the file of its whole
    flash. options: those of the emulator's main.mjs, such as ssid="net", uptime_ms=1000.
    """

    address = BOARD

    def __init__(self, firmware, folder, flash, **options):
        self.folder = Path(folder)
        self.flash = Path(flash)
        self.emulator = Emulator(firmware, folder, flash, **options)
        self.network = Network(folder, self.emulator.air_socket)
        try:
            self.network.start()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """End it, and all that was started for it."""
        self.emulator.stop()
        self.network.stop()

    def control(self, words):
        """Have the emulator obey a control word; README.md lists them."""
        return self.emulator.ask(words)

    # ---- power, time, resets ---------------------------------------------------------------

    def power_on(self):
        """Plug it in; returns once its USB is there."""
        since = len(self.emulator.events)
        self.control("power on")
        self.emulator.wait("usb", since, up=True)

    def power_off(self):
        """Pull the plug."""
        self.control("power off")

    def power_cycle(self):
        """Pull the plug and put it in again."""
        self.power_off()
        self.power_on()

    @property
    def seconds(self):
        """How long the board has lived, by its own clock, which may be slower than the host's."""
        return self.control("ms") / 1000

    @property
    def resets(self):
        """The resets so far: dicts with cause ("watchdog" or "forced") and at_ms."""
        return self.control("stat")["resets"]

    def live(self, seconds):
        """Let the board live for so many seconds of its own."""
        until = self.seconds + seconds
        while self.seconds < until:
            time.sleep(_LOOK_S)

    # ---- console ---------------------------------------------------------------------------

    @property
    def port(self):
        """The serial device of its USB console, for mpremote and `outpost deploy`."""
        return self.emulator.port

    @property
    def console(self):
        """All that it has printed; lines that begin with ~~~~ are the emulator's."""
        return self.emulator.console_log.read_text(errors="replace")

    def wait_console(self, text, since=0, timeout=PATIENCE_S):
        """Wait until the console shows text behind its first `since` characters."""
        deadline = time.monotonic() + timeout
        while text not in self.console[since:]:
            assert time.monotonic() < deadline, (
                f"no {text!r} within {timeout} s on the console:\n{self.console[since:][-3000:]}"
            )
            time.sleep(_LOOK_S)

    @contextlib.contextmanager
    def repl(self):
        """The raw REPL, after Ctrl-C and without a soft reset: mpremote's SerialTransport."""
        transport = SerialTransport(str(self.port))
        try:
            transport.enter_raw_repl(soft_reset=False)
            yield transport
            transport.exit_raw_repl()
        finally:
            transport.close()

    def run(self, code):
        """Run Python code at the REPL; returns what it printed."""
        with self.repl() as repl:
            return repl.exec(code).decode()

    def type(self, keys):
        """Send bytes to the console."""
        with open(self.port, "wb", buffering=0) as device:
            device.write(keys)
            # What is not carried yet would be lost with the device's closing.
            time.sleep(_LOOK_S)

    # ---- Outpost ---------------------------------------------------------------------------

    def deploy(self, *options, config=CONFIG, tree=ROOT, timeout=DEPLOY_S):
        """Run `outpost deploy` at the USB port; returns what it said. config: a dict, or None."""
        if config is not None:
            path = self.folder / "config.json"
            path.write_text(json.dumps(config))
            options += ("--config", str(path))
        done = subprocess.run(
            [OUTPOST, "deploy", str(self.port), "--tree", tree, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{done.stdout}\n{self.console[-3000:]}"
        return done.stdout

    def serves(self):
        """Whether its FTP server greets a client."""
        with (
            self.network.inside(),
            contextlib.suppress(OSError, EOFError, ftplib.Error),
            ftplib.FTP(timeout=10) as session,
        ):
            session.connect(self.address)
            return True
        return False

    def wait_serving(self, timeout=SERVING_S):
        """Wait until FTP answers."""
        deadline = time.monotonic() + timeout
        while not self.serves():
            assert time.monotonic() < deadline, f"no FTP\n{self.console[-3000:]}"
            time.sleep(1)

    def ftp_again(self, source=HOST, timeout=PATIENCE_S):
        """The same as soon as there is a place for it: one that is lost is noticed in seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.ftp(source, timeout=20)
            except (OSError, EOFError, ftplib.Error) as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"no session from {source} within {timeout} s") from error
            time.sleep(_LOOK_S)

    def ftp(self, source=HOST, timeout=PATIENCE_S):
        """An ftplib session, logged in, from one of the host's addresses; be inside() for it."""
        session = ftplib.FTP(timeout=timeout, source_address=(source, 0))
        session.connect(self.address)
        session.login(USER, PASSWORD)
        return session
