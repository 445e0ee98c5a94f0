"""Carries frames between a tap device and the emulator: a program in the board's namespace.

bridge.py SOCKET NAMESPACE DEVICE ADDRESS...: SOCKET is the emulator's; a frame there is two bytes
of length, big-endian, and the frame. Ends when its standard input does, and takes the name of the
namespace with it, so that a run that was killed leaves nothing behind.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys
import time

_TUNSETIFF = 0x400454CA
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_MOST = 2000  # bytes of a frame
_RETRY_S = 0.1


def open_tap(device, addresses):
    """Make a tap device with IPv4 addresses; returns its descriptor."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    request = struct.pack("16sH22s", device.encode(), _IFF_TAP | _IFF_NO_PI, b"")
    fcntl.ioctl(tap, _TUNSETIFF, request)
    # The board would get router solicitations and the like that no test asked for.
    with open(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6", "w") as setting:
        setting.write("1")
    run("link", "set", "lo", "up")
    run("link", "set", device, "up")
    for address in addresses:
        run("address", "add", f"{address}/24", "dev", device)
    return tap


def run(*words):
    """Run `ip` with these words."""
    subprocess.run(["ip", *words], check=True)


def connect(path):
    """A connection to the emulator's socket, as soon as it is there."""
    while True:
        emulator = socket.socket(socket.AF_UNIX)
        try:
            emulator.connect(path)
            return emulator
        except OSError:
            emulator.close()
            time.sleep(_RETRY_S)


def carry(tap, emulator):
    """Carry frames until standard input or the emulator ends."""
    pending = b""
    with selectors.DefaultSelector() as selector:
        for source in (sys.stdin, tap, emulator):
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    if not os.read(sys.stdin.fileno(), 1):
                        return
                elif key.fileobj is tap:
                    frame = os.read(tap, _MOST)
                    emulator.sendall(struct.pack(">H", len(frame)) + frame)
                else:
                    received = emulator.recv(65536)
                    if not received:
                        return
                    pending = deliver(tap, pending + received)


def deliver(tap, received):
    """Write the whole frames in received to the tap device; returns the rest."""
    while len(received) >= 2:
        (length,) = struct.unpack(">H", received[:2])
        if len(received) < 2 + length:
            break
        os.write(tap, received[2 : 2 + length])
        received = received[2 + length :]
    return received


def main():
    """Be the bridge."""
    path, namespace, device, *addresses = sys.argv[1:]
    try:
        tap = open_tap(device, addresses)
        carry(tap, connect(path))
    finally:
        subprocess.run(["ip", "netns", "delete", namespace])


if __name__ == "__main__":
    main()
