"""The network of an emulated board: a namespace of its own with a tap device, DHCP and DNS."""

import contextlib
import ctypes
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from picow import children, needs

HOST = "10.77.0.1"
BOARD = "10.77.0.50"
# Further addresses of the host: clients that a server must take for other machines.
LAPTOPS = ("10.77.0.2", "10.77.0.3", "10.77.0.4")
NAMES = ("broker.test", "time.test")  # what DNS knows; all of them are HOST
DEVICE = "tap0"

_CLONE_NEWNET = 0x40000000
_PATIENCE_S = 10
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """A network namespace, unique to this run, that joins the emulator's frames at a Unix socket.

    folder: for logs and leases. name: what `ip netns exec` takes.
    """

    def __init__(self, folder, air_socket):
        self.folder = Path(folder)
        self.name = f"picow-{os.getpid()}-{next(_numbers)}"
        self._air_socket = air_socket
        self._children = []

    def start(self):
        """Make the namespace and what serves in it."""
        subprocess.run([needs.program("ip"), "netns", "add", self.name], check=True)
        bridge = Path(__file__).with_name("bridge.py")
        self.bridge = self.run(
            [sys.executable, bridge, self._air_socket, self.name, DEVICE, HOST, *LAPTOPS],
            "bridge",
            stdin=subprocess.PIPE,
        )
        self._wait_for_device()
        self.run(
            [
                *(needs.program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null"),
                *("--pid-file=", "--user=root", "--group=", "--no-resolv", "--no-hosts"),
                *(f"--interface={DEVICE}", "--bind-interfaces", "--log-dhcp"),
                f"--dhcp-range={BOARD},{BOARD},12h",
                f"--dhcp-leasefile={self.leases}",
                f"--dhcp-option=6,{HOST}",
                *(f"--address=/{name}/{HOST}" for name in NAMES),
            ],
            "dnsmasq",
        )

    @property
    def leases(self):
        """The file of dnsmasq's leases: expiry, MAC, address, hostname, client id in a line."""
        return self.folder / "leases"

    def run(self, command, name, **options):
        """Start a program in the namespace, to be ended with it; its output goes to NAME.log."""
        with self.inside():
            child = children.start(command, self.folder / f"{name}.log", **options)
        self._children.append(child)
        return child

    @contextlib.contextmanager
    def inside(self):
        """Be in the namespace: sockets, threads and programs made meanwhile belong to it."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)

    def stop(self):
        """End what was started in it, then the namespace itself: the bridge removes its name."""
        for child in reversed(self._children):
            children.end(child)
        self._children.clear()

    def _wait_for_device(self):
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with self.inside():
                found = subprocess.run(
                    [needs.program("ip"), "-brief", "address", "show", "dev", DEVICE],
                    capture_output=True,
                    text=True,
                )
            if LAPTOPS[-1] in found.stdout:
                return
            if self.bridge.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "bridge.log").read_text())
            time.sleep(0.02)


def _enter(namespace):
    if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
