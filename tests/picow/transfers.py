"""Transfers in the hands of a test: begun, left alone, read on, cut off."""

import ftplib
import io
import random
import socket
import struct

SMALL_BUFFER = 4096  # so that the board notices soon that the client does not read


def content(size, seed=0):
    """Bytes that no compression, repetition or shift could hide."""
    return random.Random(seed).randbytes(size)


class Download:
    """A RETR on a session of its own; read() when the test likes to."""

    def __init__(self, session, path):
        self.session = session
        self.received = bytearray()
        session.voidcmd("TYPE I")
        host, port = session.makepasv()
        self.data = socket.socket()
        self.data.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.data.settimeout(session.timeout)
        if session.source_address:
            self.data.bind(session.source_address)
        self.data.connect((host, port))
        reply = session.sendcmd(f"RETR {path}")
        assert reply.startswith("150"), reply

    def read(self, size):
        """Read so many bytes more."""
        while size > 0:
            piece = self.data.recv(size)
            assert piece, f"the data ended after {len(self.received)} bytes"
            self.received += piece
            size -= len(piece)

    def finish(self):
        """Read on to the end; returns all bytes. ftplib.Error if the board says it failed."""
        while piece := self.data.recv(65536):
            self.received += piece
        self.data.close()
        self.session.voidresp()
        return bytes(self.received)


def reset(sock):
    """Close a socket so that the peer gets a RST, as from a program that was killed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def reset_session(session):
    """The same with a session's control connection."""
    session.file.close()  # it shares the socket, which would stay open
    reset(session.sock)


def store(session, path, data):
    """Upload data; ftplib.Error if the board says that it failed."""
    session.storbinary(f"STOR {path}", io.BytesIO(data))


def fetch(session, path):
    """Download a file: its bytes."""
    received = bytearray()
    session.retrbinary(f"RETR {path}", received.extend)
    return bytes(received)


def abort(session, path, after):
    """Begin a download, read `after` bytes, send ABOR; the session goes on."""
    session.voidcmd("TYPE I")
    data = session.transfercmd(f"RETR {path}")
    received = 0
    while received < after:
        received += len(data.recv(after - received))
    session.putcmd("ABOR")
    data.close()
    replies = [session.getmultiline()[:3]]
    while replies[-1] not in ("225", "226"):
        replies.append(session.getmultiline()[:3])
    # A file that was all on its way already is 226, and then 225 or 226 for the ABOR.
    if replies == ["226"]:
        replies.append(session.getmultiline()[:3])
    assert replies[0] in ("426", "226"), replies


def is_gone(session):
    """Whether a session has ended, as the client sees it."""
    try:
        session.voidcmd("NOOP")
    except (OSError, EOFError, ftplib.Error):
        return True
    return False
