"""The pump: moves bytes between a file and a data connection, as fast as the port can.

It calls the socket first and waits only if that would block, and it lets the loop run every 5 ms.
One buffer serves the whole transfer, so no chunk allocates memory.
"""

from time import ticks_diff, ticks_ms

from asyncio import core
from micropython import const

import hal
from hal.net import later, polled

_SLICE_MS = const(5)  # how long a transfer may block the loop


def send(sock, readinto, buffer, transfer):
    """Send what readinto(buffer) yields until it returns 0. A generator: await it.

    Updates transfer.bytes and transfer.touched (ticks in ms).
    """
    write = hal.writer(sock, True)
    sock = polled(sock)
    total = 0
    since = ticks_ms()
    while True:
        size = readinto(buffer)
        if not size:
            break
        start = 0
        while True:
            # (buffer, offset, count), because a memoryview slice would allocate.
            sent = write(buffer, start, size - start)
            if sent:
                start += sent
                if start == size:
                    break
                # Only after progress, and before the wait: the server detects stalls by it.
                transfer.bytes = total + start
                transfer.touched = ticks_ms()
            yield later(sock)
            since = ticks_ms()
        total += size
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            transfer.bytes = total
            transfer.touched = ticks_ms()
            # Not sleep_ms(0): that would resume this transfer before other sockets are polled.
            yield core._io_queue.queue_write(sock)
            since = ticks_ms()
    transfer.bytes = total


def receive(sock, write, buffer, transfer):
    """Pass what arrives to write(buffer, count) until the peer closes. A generator: await it.

    Updates transfer.bytes and transfer.touched (ticks in ms).
    """
    readinto = sock.readinto
    sock = polled(sock)
    total = 0
    since = ticks_ms()
    while True:
        size = readinto(buffer)
        if size:
            write(buffer, size)
            total += size
            if ticks_diff(ticks_ms(), since) < _SLICE_MS:
                continue
        elif size is not None:
            break
        transfer.bytes = total
        transfer.touched = ticks_ms()
        if size is None:
            yield core._io_queue.queue_read(sock)
        else:
            # queue_write is ready at once. TLS may hold the rest of a record, which poll() can't
            # see.
            yield core._io_queue.queue_write(sock)
        since = ticks_ms()
    transfer.bytes = total


def send_lines(sock, lines, buffer, transfer):
    """Send an iterable of lines as bytes, collected in buffer. Await it.

    An item None is no line; it only lets the loop run if 5 ms have passed.
    """
    write = hal.writer(sock, True)
    fill = 0
    total = 0
    since = ticks_ms()
    room = len(buffer)
    for line in lines:
        end = fill + len(line) if line else fill
        if end > room or ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            yield from _flush(sock, write, buffer, fill, transfer)
            total += fill
            end -= fill
            fill = 0
            transfer.bytes = total
            transfer.touched = ticks_ms()
            yield core._io_queue.queue_write(polled(sock))
            since = ticks_ms()
        if end > room:
            yield from _flush(sock, write, line, end, transfer)  # a very long path
            total += end
        elif line:
            buffer[fill:end] = line
            fill = end
    yield from _flush(sock, write, buffer, fill, transfer)
    transfer.bytes = total + fill


def _flush(sock, write, buffer, size, transfer):
    """Send the first `size` bytes of buffer."""
    start = 0
    while start < size:
        sent = write(buffer, start, size - start)
        if sent:
            start += sent
            transfer.touched = ticks_ms()
        else:
            yield later(polled(sock))
