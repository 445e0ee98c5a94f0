"""The limit: a plain blocking loop of readinto and write over one TCP connection. PORT BUFFER.

A client sends `RETR path` or `STOR path` and a line end, reads `150` and a line end, and then
moves the bytes; either way the end of the connection is the end of the file. This is what any
server in this interpreter could reach at most: no FTP, no asyncio, nobody else to serve.
"""

import socket
import sys


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


def serve(port, size):
    """Serve one client after the other for ever; size: of the buffer, in bytes."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(5)
    buffer = bytearray(size)
    while True:
        sock = listener.accept()[0]
        verb, _, path = sock.readline().decode().strip().partition(" ")
        if verb:
            with open(path, "rb" if verb == "RETR" else "wb") as file:
                sock.write(b"150\r\n")
                (retrieve if verb == "RETR" else store)(sock, file, buffer)
        sock.close()


serve(int(sys.argv[1]), int(sys.argv[2]))
