"""Fixtures `chronyd` and `time_server`: a real NTP server, and ones that tell lies."""

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

NTP_PORT = 123
NTP_TO_UNIX = 2208988800


def loopback_address():
    """A loopback address whose UDP port 123 is free; skips, loudly, where none may be bound.

    Each test has its own, since ntptime knows no port but 123.
    """
    for _ in range(20):
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(2, 254)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, NTP_PORT))
            except PermissionError:
                pytest.skip("NOT TESTED: only root may bind UDP port 123, where NTP servers live")
            except OSError:
                continue
        return address
    pytest.skip("NOT TESTED: no loopback address whose UDP port 123 is free")


class Process:
    """A program that can be started, frozen, thawed and stopped, by its own process id."""

    def __init__(self, command, log):
        self.command = command
        self.log = log
        self.process = None

    def start(self):
        """Start it and return once it serves."""
        self.log.unlink(missing_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not self.serves():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"does not serve: {self.command}"
            time.sleep(0.02)

    def freeze(self):
        """Stop its clock, so to speak: it is there and does not answer."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        """End it, frozen or not."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.thaw()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def restart(self):
        """End it and start it again."""
        self.stop()
        self.start()


class Chronyd(Process):
    """chronyd, which serves the host's own time and leaves the host's clock alone.

    address: where it listens; by default a loopback address of its own.
    """

    def __init__(self, folder, address=None):
        program = shutil.which("chronyd") or shutil.which("chronyd", path="/usr/sbin")
        if not program:
            pytest.skip("NOT TESTED: chronyd is not installed (Debian package chrony)")
        self.address = address or loopback_address()
        config = folder / "chrony.conf"
        config.write_text(
            f"local stratum 8\nallow\ncmdport 0\nport {NTP_PORT}\n"
            f"bindaddress {self.address}\npidfile {folder}/chronyd.pid\n"
        )
        super().__init__(
            [program, "-x", "-d", "-U", "-u", "root", "-f", config], folder / "chronyd.log"
        )

    def serves(self):
        """Whether it answers a query."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect((self.address, NTP_PORT))
            try:
                client.send(bytes([0x23]) + bytes(47))
                return len(client.recv(64)) >= 48
            except OSError:
                return False


@pytest.fixture
def chronyd(tmp_path):
    """A real time server on a loopback address of its own: started, and stopped at the end."""
    folder = tmp_path / "chronyd"
    folder.mkdir()
    server = Chronyd(folder)
    server.start()
    yield server
    server.stop()


def answer(query, *, at=None, mode=4, leap=0, stratum=2, reference=b"TEST", cookie=None):
    """A reply to query that says the time is `at`, seconds since 1970 (None: now)."""
    seconds = (time.time() if at is None else at) + NTP_TO_UNIX
    stamp = struct.pack("!II", int(seconds) % (1 << 32), int(seconds % 1 * (1 << 32)))
    head = bytes([leap << 6 | 4 << 3 | mode, stratum, 6, 0xEC]) + bytes(8) + reference
    origin = query[40:48] if cookie is None else cookie
    return head + stamp + origin + stamp + stamp


def kiss(query, code=b"RATE"):
    """A kiss of death: stratum 0, a code, and no time, which ntptime takes for 2036."""
    return answer(query, stratum=0, reference=code)[:40] + bytes(8)


class TimeServer:
    """A UDP server at `address` whose replies are what reply(query) returns; None: silence."""

    def __init__(self, reply):
        self.reply = reply
        self.queries = 0
        self.address = loopback_address()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, NTP_PORT))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, client = self._socket.recvfrom(512)
                self.queries += 1
                reply = self.reply(query)
                if reply is not None:
                    self._socket.sendto(reply, client)

    def close(self):
        """Stop answering."""
        self._socket.close()


@pytest.fixture
def time_server():
    """Start a time server that answers as it is told: (reply) -> TimeServer."""
    with contextlib.ExitStack() as stack:

        def start(reply):
            server = TimeServer(reply)
            stack.callback(server.close)
            return server

        yield start
