"""What asyncio's sockets lack: waits, with a bound where one is wanted, and names resolved."""

import select
import socket
from errno import ETIMEDOUT

import asyncio
from asyncio import core
from micropython import const

import hal

_ROOM = const(512)
_WORDS = const(64)  # what a port takes for a client and its address, and a 421
_UNREAD = const(16)  # how many reads of what nobody will look at
_EAFNOSUPPORT = const(97)  # "address family not supported": few ports name it

_held = {}  # (host, port) -> the socket that listens there
_room = []  # kept for accept()


def _enqueue(self, sock, index):
    """asyncio's IOQueue._enqueue(), which leaves nothing behind where memory is short.

    select.poll notes a socket before it has the memory for it, and polling that note crashes
    (extmod/modselect.c, poll_set_add_obj: "This case is not handled").
    """
    if hal.reserve:
        hal.reserve()
    key = id(sock)
    waits = key in self.map
    try:
        _asyncio_enqueue(self, sock, index)
    except MemoryError:
        if not waits:  # else another task's wait goes on
            self.map.pop(key, None)
            hal.unregister(self.poller, sock)
        raise


# Replaced in the class, so that every wait of every task is safe, the application's too.
_asyncio_enqueue = core.IOQueue._enqueue
core.IOQueue._enqueue = _enqueue


def polled(sock):
    """What to wait for in place of sock: the socket below, where sock is TLS over it (raw)."""
    return getattr(sock, "raw", sock)


def readable(sock):
    """Wait until sock can be read or has failed. A generator: await it. One waiter a socket."""
    yield core._io_queue.queue_read(polled(sock))


def writable(sock):
    """Wait until sock can be written or has failed. A generator: await it. One waiter a socket."""
    yield core._io_queue.queue_write(polled(sock))


def later(sock):
    """Put off the task that runs until a write that had no room may have some; then yield.

    On an RP2 that is a time: there poll calls a socket writable that isn't.
    """
    if hal.guarded:
        pause_ms = hal.guarded().later_ms()
        core._task_queue.push(core.cur_task, core.ticks_add(core.ticks(), pause_ms))
    else:
        core._io_queue.queue_write(sock)


def room(sock):
    """Wait until a write that had no room may have some. A generator: await it."""
    yield later(polled(sock))


def failed(sock):
    """Whether a connection that poll calls writable was refused or lost; MemoryError.

    Ports without getsockopt(SO_ERROR) tell a failed connect by poll alone. An ESP32 tells HUP
    only where it is asked for (ports/esp32/modsocket.c, socket_stream_ioctl).
    """
    poller = select.poll()
    poller.register(sock, select.POLLOUT | select.POLLHUP)
    for _, event in poller.ipoll(0):
        if event & (select.POLLERR | select.POLLHUP):
            return True
    return False


def keep_room():
    """Have the memory ready that accept() wants, also where the heap is full; MemoryError."""
    global _room
    if not _room:
        _room = [None] * _WORDS


def accept(listener):
    """(socket, address) of the next client; MemoryError before one is taken, not after it.

    A client whose socket found no memory would be lost with its descriptor or its connection.
    """
    keep_room()
    _room.clear()  # gives the memory back at once; what nobody refers to waits for a collection
    try:
        return listener.accept()
    except OSError:  # nobody is there
        keep_room()
        raise


def hang_up(sock, scratch):
    """Close a connection so that the peer reads what was sent to it last.

    A connection that is closed with bytes in it that nobody has read is reset, on lwIP as on
    Linux, and the peer may lose what it has not read yet. scratch: a bytearray.
    """
    try:
        raw = polled(sock)
        for _ in range(_UNREAD):
            if not raw.readinto(scratch):
                break
    except (OSError, MemoryError):
        pass  # it is lost already, or may be
    sock.close()


async def within(timeout_ms, waiting):
    """Await waiting; OSError(ETIMEDOUT) after timeout_ms."""
    try:
        return await asyncio.wait_for_ms(waiting, timeout_ms)
    except asyncio.TimeoutError:
        raise OSError(ETIMEDOUT)


def listen(host, port):
    """Return the non-blocking socket that listens on an IPv4 or IPv6 address; OSError.

    Opened once and kept open while the board serves, whoever is restarted: on an RP2 closing it
    would destroy a connection (extmod/modlwip.c, lwip_socket_ioctl, writes to a listener as if it
    were a connection, and so into the first of those).

    "::" takes clients of both kinds where the port has IPv6: Linux and RP2 have, an ESP32's
    MicroPython 1.28 has not [S].
    """
    place = host, port
    sock = _held.get(place)
    if sock:
        return sock
    try:
        info = socket.getaddrinfo(host, port)[0]
    except IndexError:
        raise OSError(_EAFNOSUPPORT)
    _held[place] = None  # what listens is kept without needing memory any more
    sock = socket.socket(info[0])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[-1])
        bytearray(_ROOM)  # a listener that finds no memory for its backlog listens all the same
        sock.listen(hal.BACKLOG)
        sock.setblocking(False)
    except (TypeError, ValueError):  # an address of a kind that the port doesn't know
        sock.close()
        raise OSError(_EAFNOSUPPORT)
    except (OSError, MemoryError):
        sock.close()
        raise
    _held[place] = sock
    return sock


def stop_listening():
    """Close all that listens: when nobody is connected any more, and the board stops serving.

    A soft reset would close it too, but there an RP2's lwIP forgets every second one of the
    clients who wait to be accepted, and their connections are lost until the power goes
    (extmod/modlwip.c, lwip_socket_free_incoming).
    """
    for place in _held:
        listener = _held[place]
        if listener:
            try:
                turn_away(listener)
            except MemoryError:
                pass
            listener.close()
    _held.clear()


def turn_away(listener):
    """Close the connections of all who wait to be accepted; MemoryError."""
    try:
        for _ in range(hal.BACKLOG):
            accept(listener)[0].close()
    except OSError:
        pass  # nobody is left


def udp(address, port):
    """A non-blocking UDP socket that hears that peer alone; OSError.

    An RP2 has five, of which DHCP, mDNS and hal itself take three.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket.getaddrinfo(address, port)[0][-1])
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
