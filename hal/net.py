"""What asyncio's sockets lack: waits, with a bound where one is wanted, and names resolved."""

from errno import ETIMEDOUT

import asyncio
from asyncio import core


def readable(sock):
    """Wait until sock can be read or has failed. A generator: await it. One waiter a socket."""
    yield core._io_queue.queue_read(sock)


def writable(sock):
    """Wait until sock can be written or has failed. A generator: await it. One waiter a socket."""
    yield core._io_queue.queue_write(sock)


async def within(timeout_ms, waiting):
    """Await waiting; OSError(ETIMEDOUT) after timeout_ms."""
    try:
        return await asyncio.wait_for_ms(waiting, timeout_ms)
    except asyncio.TimeoutError:
        raise OSError(ETIMEDOUT)


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
