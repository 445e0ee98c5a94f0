"""What asyncio's sockets lack: waits, with a bound where one is wanted, and names resolved."""

import socket
from errno import ETIMEDOUT

import asyncio
from asyncio import core
from micropython import const

_ACCEPT_ROOM = const(512)
_EAFNOSUPPORT = const(97)  # "address family not supported": few ports name it


def polled(sock):
    """What to wait for in place of sock: the socket below, where sock is TLS over it (raw)."""
    return getattr(sock, "raw", sock)


def readable(sock):
    """Wait until sock can be read or has failed. A generator: await it. One waiter a socket."""
    sock = polled(sock)
    try:
        core._io_queue.queue_read(sock)
    except MemoryError:
        _not_queued(sock)
        raise
    yield


def writable(sock):
    """Wait until sock can be written or has failed. A generator: await it. One waiter a socket."""
    sock = polled(sock)
    try:
        core._io_queue.queue_write(sock)
    except MemoryError:
        _not_queued(sock)
        raise
    yield


def _not_queued(sock):
    """asyncio has noted a socket that it could not register: nobody could wait for it again."""
    core._io_queue.map.pop(id(sock), None)


def accept(listener):
    """(socket, address) of the next client; MemoryError before one is taken, not after it.

    A client whose socket found no memory would be lost with its descriptor (unix port).
    """
    bytearray(_ACCEPT_ROOM)
    return listener.accept()


async def within(timeout_ms, waiting):
    """Await waiting; OSError(ETIMEDOUT) after timeout_ms."""
    try:
        return await asyncio.wait_for_ms(waiting, timeout_ms)
    except asyncio.TimeoutError:
        raise OSError(ETIMEDOUT)


def listen(host, port, backlog):
    """Return a non-blocking socket that listens on an IPv4 or IPv6 address; OSError.

    "::" takes clients of both kinds where the port has IPv6: Linux and RP2 have, an ESP32's
    MicroPython 1.28 has not [S].
    """
    try:
        info = socket.getaddrinfo(host, port)[0]
    except IndexError:
        raise OSError(_EAFNOSUPPORT)
    sock = socket.socket(info[0])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[-1])
        sock.listen(backlog)
        sock.setblocking(False)
    except (TypeError, ValueError):  # an address of a kind that the port doesn't know
        sock.close()
        raise OSError(_EAFNOSUPPORT)
    except (OSError, MemoryError):
        sock.close()
        raise
    return sock


async def resolve(host, timeout_ms=2000, name_server=None):
    """Return the IPv4 address of host as text; OSError where there is none.

    name_server: (address, port), found by itself where None.
    """
    if is_address(host):
        return host
    from hal import dns  # only who names a host by its name pays for it

    return await dns.lookup(host, timeout_ms, name_server)


def is_address(host):
    """True where host is an IPv4 address."""
    parts = host.split(".")
    if len(parts) != 4:
        return False
    for part in parts:
        if not part.isdigit() or int(part) > 255:
            return False
    return True
