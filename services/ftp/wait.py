"""Waiting for a socket through the loop: the two awaits that all of FTP's I/O is made of."""

from asyncio import core


def readable(sock):
    """Wait until sock has something to read, was closed or failed. One waiter a socket."""
    yield core._io_queue.queue_read(sock)


def writable(sock):
    """Wait until sock takes more, was closed or failed. One waiter a socket."""
    yield core._io_queue.queue_write(sock)
