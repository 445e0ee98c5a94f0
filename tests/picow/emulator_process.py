"""The emulator as a process: its control words, its events, its serial port."""

import json
import socket
import subprocess
import threading
import time
from pathlib import Path

from picow import children, needs
from picow.serial_port import SerialPort

MAIN = Path(__file__).with_name("emulator") / "main.mjs"
_PATIENCE_S = 20


class EmulatorError(Exception):
    """The emulator refused a word or has ended; the text says why."""


class Emulator:
    """One emulated Pico W, its power off at first.

    folder: a short path, for sockets and logs. flash: the file of its flash, made if missing.
    events: all that has happened, as dicts with `kind` and `ms`. port: the path of its serial
    device, which is there while its USB is. options: what main.mjs takes, such as uptime_ms=1000.
    """

    def __init__(self, firmware, folder, flash, **options):
        self.folder = Path(folder)
        self.events = []
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.process = children.start(
            [
                *(needs.program("node"), MAIN, "--folder", folder, "--flash", flash),
                *("--elf", firmware.elf, "--bootrom", firmware.bootrom, *words),
            ],
            self.log,
            stdin=subprocess.PIPE,
        )
        self._control = self._connect("control").makefile("rw")
        listener = self._connect("control")
        listener.sendall(b"events\n")
        self.serial = SerialPort(self._connect("console"), self.folder / "ttyACM0")
        self._listening = threading.Thread(target=self._listen, args=[listener], daemon=True)
        self._listening.start()

    @property
    def port(self):
        return self.serial.path

    @property
    def log(self):
        """The file of what the emulator itself has to say."""
        return self.folder / "emulator.log"

    @property
    def console_log(self):
        """The file of what the board prints; lines that begin with ~~~~ are the emulator's."""
        return self.folder / "console.log"

    @property
    def air_socket(self):
        """Where the bridge connects."""
        return self.folder / "air"

    def ask(self, words):
        """Have the emulator obey a line of its control socket; returns what it answers."""
        try:
            with self._asking:
                self._control.write(words + "\n")
                self._control.flush()
                line = self._control.readline()
        except OSError:
            line = ""
        if not line:
            raise EmulatorError(f"the emulator has ended\n{self.log.read_text()}")
        reply = json.loads(line)
        if isinstance(reply, dict) and "error" in reply:
            raise EmulatorError(f"{words}: {reply['error']}")
        return reply

    def happened(self, kind, since=0, **fields):
        """Events of a kind, from number `since` on, that have these fields."""
        return [
            event
            for event in self.events[since:]
            if event["kind"] == kind and event | fields == event
        ]

    def wait(self, kind, since=0, timeout=_PATIENCE_S, **fields):
        """The first such event; waits for it. AssertionError if there is none in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.happened(kind, since, **fields), timeout), (
                f"no {kind} {fields} within {timeout} s: {self.events[since:]}"
            )
        return self.happened(kind, since, **fields)[0]

    def stop(self):
        """End the process; the flash is as a power cut leaves it."""
        children.end(self.process)
        self.serial.close()
        self._listening.join()

    def _connect(self, name):
        """A connection to one of the emulator's sockets, as soon as it is there."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(self.folder / name))
                return sock
            except OSError:
                sock.close()
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorError(self.log.read_text())
            time.sleep(0.02)

    def _listen(self, listener):
        for line in listener.makefile():
            event = json.loads(line)
            if event["kind"] == "usb":
                if event["up"]:
                    self.serial.plug()
                else:
                    self.serial.unplug()
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
