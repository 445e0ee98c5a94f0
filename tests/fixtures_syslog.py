"""Fixtures `rsyslog` and `collector`: a real syslog collector, and a bare socket that is one."""

import json
import shutil
import socket
import time

import pytest
from fixtures_time import Process


def free_udp_port():
    """A UDP port of 127.0.0.1 which nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rsyslog(Process):
    """rsyslogd on a UDP port of loopback; messages are what it has read, parsed by itself."""

    def __init__(self, folder):
        program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
        if not program:
            pytest.skip("NOT TESTED: rsyslogd is not installed (Debian package rsyslog)")
        self.port = free_udp_port()
        self._written = folder / "messages.json"
        config = folder / "rsyslog.conf"
        config.write_text(
            f'global(workDirectory="{folder}")\n'
            'module(load="imudp")\n'
            f'input(type="imudp" address="127.0.0.1" port="{self.port}")\n'
            'template(name="json" type="string" string="%jsonmesg%\\n")\n'
            f'action(type="omfile" file="{self._written}" template="json")\n'
        )
        super().__init__(
            [program, "-n", "-f", config, "-i", folder / "rsyslog.pid"], folder / "rsyslog.log"
        )

    def serves(self):
        """Whether it has its port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False

    @property
    def messages(self):
        """All so far, each a dict of its fields."""
        text = self._written.read_text() if self._written.exists() else ""
        return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]

    def wait_for(self, timeout=20, **fields):
        """The first message with these fields, once there is one."""
        deadline = time.monotonic() + timeout
        while True:
            for message in self.messages:
                if message | fields == message:
                    return message
            assert time.monotonic() < deadline, f"no {fields} in {self.messages}"
            time.sleep(0.05)


class Collector:
    """A UDP socket: take() gives the next datagram. It can be closed and opened again."""

    def __init__(self):
        self.port = free_udp_port()
        self.open()

    def open(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", self.port))
        self.sock.settimeout(20)

    def close(self):
        self.sock.close()

    def take(self):
        """The next datagram, bytes."""
        return self.sock.recv(65536)


@pytest.fixture
def rsyslog(tmp_path):
    """A real collector, started, and stopped at the end."""
    collector = Rsyslog(tmp_path)
    collector.start()
    yield collector
    collector.stop()


@pytest.fixture
def collector():
    """A socket that takes what is sent to it."""
    found = Collector()
    yield found
    found.close()
