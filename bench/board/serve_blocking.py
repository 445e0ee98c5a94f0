"""The limit: plain blocking loops of readinto and write. PORT BUFFER IMAGE [CERT KEY].

A client sends `RETR path` or `STOR path` and a line end, reads `150` and a line end, and then
moves the bytes; either way the end of the connection is the end of the file. This is what any
server in this interpreter could reach at most: no FTP, no asyncio, nobody else to serve.

`TLS RETR path` and `TLS STOR path` do the same over TLS, with the DER files CERT and KEY; the
handshake follows the line.

`READ path` and `WRITE path` move a file that exists to nowhere, and as many bytes from nowhere
over it, without a socket; the answer is the time in microseconds. IMAGE is a LittleFS in a file
of the host, mounted at /flash, on the simulated board's own driver.
"""

import os
import socket
import sys
from time import ticks_diff, ticks_us

import vfs
from shim import Module, nothing

Module("_host", tell_and_wait=nothing, writes=[0, 0])
from _flash import Flash  # noqa: E402 - the simulator's


def retrieve(sock, file, buffer):
    """File to socket."""
    while True:
        size = file.readinto(buffer)
        if not size:
            return
        start = 0
        while start < size:
            start += sock.write(buffer, start, size - start)


def store(sock, file, buffer):
    """Socket to file."""
    while True:
        size = sock.readinto(buffer)
        if not size:
            return
        file.write(buffer, size)


def read(path, buffer):
    """File to nowhere; return the time in microseconds."""
    began = ticks_us()
    with open(path, "rb") as file:
        while file.readinto(buffer):
            pass
    return ticks_diff(ticks_us(), began)


def write(path, buffer):
    """Nowhere to file, as long as the file was; return the time in microseconds."""
    left = os.stat(path)[6]
    os.remove(path)
    began = ticks_us()
    with open(path, "wb") as file:
        while left > 0:
            left -= file.write(buffer)
    return ticks_diff(ticks_us(), began)


def secured(sock):
    """The same connection over TLS."""
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    parts = []
    for path in sys.argv[4:6]:
        with open(path, "rb") as file:
            parts.append(file.read())
    context.load_cert_chain(*parts)
    return context.wrap_socket(sock, server_side=True)


def obey(sock, buffer):
    """Do what one connection asks for."""
    verb, _, path = sock.readline().decode().strip().partition(" ")
    if verb == "TLS":
        verb, _, path = path.partition(" ")
        sock = secured(sock)
    if verb == "READ":
        sock.write(b"%d\r\n" % read(path, buffer))
    elif verb == "WRITE":
        sock.write(b"%d\r\n" % write(path, buffer))
    elif verb:
        with open(path, "rb" if verb == "RETR" else "wb") as file:
            sock.write(b"150\r\n")
            (retrieve if verb == "RETR" else store)(sock, file, buffer)


def serve(port, size):
    """Serve one client after the other for ever; size: of the buffer, in bytes."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(5)
    buffer = bytearray(size)
    while True:
        sock = listener.accept()[0]
        obey(sock, buffer)
        sock.close()


vfs.mount(vfs.VfsLfs2(Flash(sys.argv[3], 0)), "/flash")
serve(int(sys.argv[1]), int(sys.argv[2]))
