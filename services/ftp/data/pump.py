"""The pump: moves bytes between a file and a data connection, as fast as the port can.

It calls the socket first and waits only when the socket would block; it lets the loop run
every 5 ms. One buffer serves the whole transfer: nothing is allocated for a chunk.
"""

from time import ticks_diff, ticks_ms

from asyncio import core
from micropython import const

import hal
from hal.net import later, polled

_SLICE_MS = const(5)  # how long a transfer may hold the loop


def send(sock, readinto, buffer, transfer):
    """Send what readinto(buffer) yields until it returns 0. A generator: await it.

    transfer.bytes and transfer.touched (ticks in ms) tell of the progress.
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
            # (buffer, offset, count): a memoryview's slice would be an allocation
            sent = write(buffer, start, size - start)
            if sent:
                start += sent
                if start == size:
                    break
                # Before the wait, and not for a try in vain: the server looks for stalls.
                transfer.bytes = total + start
                transfer.touched = ticks_ms()
            yield later(sock)
            since = ticks_ms()
        total += size
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            transfer.bytes = total
            transfer.touched = ticks_ms()
            # Not sleep_ms(0): that would run this transfer again before other sockets.
            yield core._io_queue.queue_write(sock)
            since = ticks_ms()
    transfer.bytes = total


def receive(sock, write, buffer, transfer):
    """Hand what arrives to write(buffer, count) until the peer closes. A generator: await it.

    transfer.bytes and transfer.touched (ticks in ms) tell of the progress.
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
            # Always so at once: TLS may hold the rest of a record, which the socket can't tell.
            yield core._io_queue.queue_write(sock)
        since = ticks_ms()
    transfer.bytes = total


def send_lines(sock, lines, buffer, transfer):
    """Send an iterable of lines as bytes, gathered in buffer. Await it.

    None among them is no line, but a place to look at the clock.
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
            yield from _flush(sock, write, line, end, transfer)  # a path deep down in the tree
            total += end
        elif line:
            buffer[fill:end] = line
            fill = end
    yield from _flush(sock, write, buffer, fill, transfer)
    transfer.bytes = total + fill


def _flush(sock, write, buffer, size, transfer):
    """Send buffer's first `size` bytes."""
    start = 0
    while start < size:
        sent = write(buffer, start, size - start)
        if sent:
            start += sent
            transfer.touched = ticks_ms()
        else:
            yield later(polled(sock))
