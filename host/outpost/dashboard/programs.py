"""The programs that a demonstration needs beside boards: a broker, maybe a time server."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from pathlib import Path

_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
_UP_S = 10
_NTP_PORT = 123  # the only port that boards query


class ProgramError(Exception):
    """A program is missing or does not start; the text says what to do."""


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return so many free ports, all different; one by one, the host might return one twice."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def mosquitto(folder: Path, mqtt_port: int, websocket_port: int) -> Generator[None]:
    """Run a broker without passwords on two ports of 127.0.0.1 while the block runs."""
    program = shutil.which("mosquitto", path=_PATH)
    if not program:
        raise ProgramError("mosquitto is not installed; on Debian: apt-get install mosquitto")
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {mqtt_port} 127.0.0.1\n"
        f"listener {websocket_port} 127.0.0.1\nprotocol websockets\n"
        "allow_anonymous true\n"
    )
    log = folder / "mosquitto.log"
    with _running([program, "-c", config], log) as broker:
        for port in (mqtt_port, websocket_port):
            _wait_listening(broker, port, log)
        yield


@contextlib.contextmanager
def time_server(folder: Path) -> Generator[str | None]:
    """Run chronyd on a loopback address and yield that; None if that is impossible.

    Only root may bind NTP's port. chronyd serves the host's time and doesn't change the host's
    clock.
    """
    program = shutil.which("chronyd", path=_PATH)
    address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(2, 254)}"
    if not program or not _may_bind(address):
        yield None
        return
    config = folder / "chrony.conf"
    config.write_text(
        f"local stratum 8\nallow\ncmdport 0\nport {_NTP_PORT}\n"
        f"bindaddress {address}\npidfile {folder}/chronyd.pid\n"
    )
    with _running([program, "-x", "-d", "-U", "-u", "root", "-f", config], folder / "chronyd.log"):
        yield address


def _may_bind(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, _NTP_PORT))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _running(command: Sequence[str | Path], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run a process while the block runs."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal must only reach this program, which ends the boards before
            # these.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _UP_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise ProgramError(f"mosquitto does not serve port {port}:\n{log.read_text()}")
        time.sleep(0.05)
