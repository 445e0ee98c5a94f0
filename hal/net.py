"""What asyncio's sockets lack: waits, with time-outs, and non-blocking name resolution."""

import select
import socket
from errno import ETIMEDOUT

import asyncio
from asyncio import core
from micropython import const

import hal

_ROOM = const(512)
_WORDS = const(64)  # what a port allocates for a client and its address, and for a 421
_UNREAD = const(16)  # reads of unread input before a close
_EAFNOSUPPORT = const(97)  # "address family not supported": few ports name it

_held = {}  # (host, port) -> its listening socket
_room = []  # memory reserved for accept()


def _enqueue(self, sock, index):
    """asyncio's IOQueue._enqueue(), but it leaves no entry if memory runs out.

    select.poll adds a socket's entry before it allocates what the entry needs, and polling such an
    entry crashes (extmod/modselect.c, poll_set_add_obj: "This case is not handled").
    """
    if hal.reserve:
        hal.reserve()
    key = id(sock)
    waits = key in self.map
    try:
        _asyncio_enqueue(self, sock, index)
    except MemoryError:
        if not waits:  # otherwise another task still waits for this socket
            self.map.pop(key, None)
            hal.unregister(self.poller, sock)
        raise


# Replace it in the class, so that it protects every task, also the application's.
_asyncio_enqueue = core.IOQueue._enqueue
core.IOQueue._enqueue = _enqueue


def polled(sock):
    """Return what poll can watch: the socket under TLS (raw), else sock itself."""
    return getattr(sock, "raw", sock)


def readable(sock):
    """Wait until sock can be read or has failed. A generator: await it. One task per socket."""
    yield core._io_queue.queue_read(polled(sock))


def writable(sock):
    """Wait until sock can be written or has failed. A generator: await it. One task per socket."""
    yield core._io_queue.queue_write(polled(sock))


def later(sock):
    """Reschedule the current task for when a write may have room; the caller must then yield.

    On an RP2 that is after a pause, because there poll calls a socket writable that isn't.
    """
    if hal.guarded:
        pause_ms = hal.guarded().later_ms()
        core._task_queue.push(core.cur_task, core.ticks_add(core.ticks(), pause_ms))
    else:
        core._io_queue.queue_write(sock)


def room(sock):
    """Wait until a write may have room again. A generator: await it."""
    yield later(polled(sock))


def failed(sock):
    """Whether a connection that poll calls writable was refused or lost. Raises MemoryError.

    On ports without getsockopt(SO_ERROR), only poll shows a failed connect. An ESP32 reports HUP
    only if asked for (ports/esp32/modsocket.c, socket_stream_ioctl).
    """
    poller = select.poll()
    poller.register(sock, select.POLLOUT | select.POLLHUP)
    for _, event in poller.ipoll(0):
        if event & (select.POLLERR | select.POLLHUP):
            return True
    return False


def keep_room():
    """Reserve the memory that accept() needs, for when the heap is full. Raises MemoryError."""
    global _room
    if not _room:
        _room = [None] * _WORDS


def accept(listener):
    """Return (socket, address) of the next client. Raises MemoryError before accepting, not after.

    If memory ran out after accepting, the client's descriptor or connection would be lost.
    """
    keep_room()
    _room.clear()  # frees the memory at once, without a collection
    try:
        return listener.accept()
    except OSError:  # no client waits
        keep_room()
        raise


def hang_up(sock, scratch):
    """Close a connection so that the peer still receives what was sent to it last.

    Closing a connection with unread input resets it, on lwIP as on Linux, and the peer may lose
    data that it has not read yet. scratch: a bytearray.
    """
    try:
        raw = polled(sock)
        for _ in range(_UNREAD):
            if not raw.readinto(scratch):
                break
    except (OSError, MemoryError):
        pass  # the connection is lost, or may be
    sock.close()


async def within(timeout_ms, waiting):
    """Await waiting. Raises OSError(ETIMEDOUT) after timeout_ms."""
    try:
        return await asyncio.wait_for_ms(waiting, timeout_ms)
    except asyncio.TimeoutError:
        raise OSError(ETIMEDOUT)


def listen(host, port):
    """Return the non-blocking socket that listens on an IPv4 or IPv6 address. Raises OSError.

    It is opened once and stays open while the board serves, even when a service restarts. Closing
    a listener on an RP2 would destroy a connection (extmod/modlwip.c, lwip_socket_ioctl: it writes
    to a listener as if it were a connection, and so into the first connection).

    "::" accepts IPv4 clients too if the port has IPv6: Linux and RP2 have it, an ESP32's
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
    _held[place] = None  # makes room in the dict now, so that storing the listener needs no memory
    sock = socket.socket(info[0])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[-1])
        bytearray(_ROOM)  # else listen() may get no memory for its backlog, and not raise
        sock.listen(hal.BACKLOG)
        sock.setblocking(False)
    except (TypeError, ValueError):  # an address family that the port doesn't know
        sock.close()
        raise OSError(_EAFNOSUPPORT)
    except (OSError, MemoryError):
        sock.close()
        raise
    _held[place] = sock
    return sock


def stop_listening():
    """Close all listeners: when no client is connected any more and the board stops serving.

    A soft reset would close them too, but there an RP2's lwIP forgets every second client that
    waits to be accepted. Those connections stay taken until the power goes (extmod/modlwip.c,
    lwip_socket_free_incoming).
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
    """Close the connections of all clients that wait to be accepted. Raises MemoryError."""
    try:
        for _ in range(hal.BACKLOG):
            accept(listener)[0].close()
    except OSError:
        pass  # no client is left


def udp(address, port):
    """Return a non-blocking UDP socket that receives only from that peer. Raises OSError.

    An RP2 has five; DHCP, mDNS and hal itself take three of them.
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
    """Return the IPv4 address of host as text. Raises OSError if there is none.

    name_server: (address, port), or None to find one.
    """
    if is_address(host):
        return host
    from hal import dns  # loaded only for a host given by name

    return await dns.lookup(host, timeout_ms, name_server)


def is_address(host):
    """True if host is an IPv4 address."""
    parts = host.split(".")
    if len(parts) != 4:
        return False
    for part in parts:
        if not part.isdigit() or int(part) > 255:
            return False
    return True
