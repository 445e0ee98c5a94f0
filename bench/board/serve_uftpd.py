"""robert-hh's uftpd on the unix port: FOLDER PORT. FOLDER holds its module.

The shim is what the port lacks: sockets that call a handler when something has come, which a
poll loop does here, a network interface, and addresses as tuples.
"""

import select
import socket
import sys

import micropython
from probe import live
from shim import Module, nothing, peer

_REGISTER = 20  # the socket option with which a board takes a handler
poller = select.poll()
handlers = {}  # id of a raw socket -> (its wrapper, handler)


class Socket:
    """A control connection or a listener; data connections are the port's own sockets."""

    def __init__(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, raw=None):
        self._raw = raw or socket.socket()
        self._is_data = False
        for name in ("close", "listen", "readline", "settimeout", "write"):
            setattr(self, name, getattr(self._raw, name))

    def setsockopt(self, level, option, value):
        if option != _REGISTER:
            self._raw.setsockopt(level, option, value)
        elif value:
            handlers[id(self._raw)] = self, value
            poller.register(self._raw, select.POLLIN)
        else:
            poller.unregister(self._raw)
            del handlers[id(self._raw)]

    def bind(self, address):
        if isinstance(address, tuple):
            address = socket.getaddrinfo(*address)[0][-1]
            self._is_data = True
        self._raw.bind(address)

    def accept(self):
        raw, address = self._raw.accept()
        return raw if self._is_data else Socket(raw=raw), peer(address)

    def sendall(self, text):
        data = text.encode()
        sent = 0
        while sent < len(data):
            sent += self._raw.write(data, sent, len(data) - sent)


class Interface:
    """A station that is up, and an access point that isn't."""

    def __init__(self, kind):
        self._kind = kind

    def active(self):
        return self._kind

    def ifconfig(self):
        return ("127.0.0.1",)


port = int(sys.argv[2])
Module("micropython", micropython, alloc_emergency_exception_buf=nothing)
Module("network", AP_IF=0, STA_IF=1, WLAN=Interface)
Module(
    "socket",
    socket,
    socket=Socket,
    getaddrinfo=lambda host, _: [(0, 0, 0, "", socket.getaddrinfo(host, port)[0][-1])],
)
sys.path.insert(0, sys.argv[1])
base = live()

import uftpd  # noqa: E402, F401 - starts at import

print("base=%d live=%d" % (base, live()))
while True:
    for raw, _ in poller.poll():
        wrapper, handler = handlers[id(raw)]
        handler(wrapper)
