"""Transfers: TYPE, PASV, EPSV, REST, RETR, STOR, APPE, ABOR."""

import os

from services.ftp.commands import use
from services.ftp.disk import is_dir
from services.ftp.errors import FTPError
from services.ftp.pump import receive, send
from services.ftp.storing import Upload


async def TYPE(session, arg):
    """RFC 959 section 3.1.1: A (also A N) and I (also L 8)."""
    arg = arg.upper()
    if arg in ("A", "A N"):
        session.text = True
    elif arg in ("I", "L 8", "L8"):
        session.text = False
    else:  # 504 for what RFC 959 knows: EBCDIC, other bytes, Telnet's and Fortran's formats
        known = arg[0] in "AEIL" and arg[1:2] in ("", " ")
        return (504 if known else 501), "TYPE takes A, I or L 8."
    return 200, b"Type is %s." % arg


async def PASV(session, arg):
    """RFC 959 section 4.1.2."""
    if session.epsv_only:
        return 501, "After EPSV ALL there is EPSV alone."
    told = session.server.passive_address()[1]
    if ":" in session.address or ":" in told:
        return 501, "PASV tells IPv4 addresses alone; use EPSV."
    port = await _listen(session)
    numbers = told.encode().replace(b".", b","), port >> 8, port & 255
    return 227, b"Entering Passive Mode (%s,%d,%d)." % numbers


async def EPSV(session, arg):
    """RFC 2428 section 3; its network protocol is the control connection's."""
    if arg.upper() == "ALL":
        session.epsv_only = True
        return 200, "EPSV ALL: no PORT, PASV or EPRT from now on."
    protocol = "2" if ":" in session.address else "1"
    if arg not in ("", protocol):
        if not arg.isdigit():
            return 501, "EPSV takes nothing, %s or ALL." % protocol
        return 522, "Network protocol not supported, use (%s)" % protocol
    return 229, b"Entering Extended Passive Mode (|||%d|)" % await _listen(session)


async def _listen(session):
    server = session.server
    return session.data.listen(await server.sockets.seat(session, server.passive_address()[0]))


async def REST(session, arg):
    """RFC 3659 section 5: the RETR or STOR that follows begins at that byte."""
    session.rest = 0
    if not arg.isdigit():
        return 501, "REST takes a number of bytes."
    session.rest = int(arg)
    return 350, "Restarting at byte %d." % session.rest


def _offset(session):
    """The byte that REST asked for, if nothing came between; see Session._obey()."""
    offset = session.rest
    if offset and session.text:
        raise FTPError(550, "REST needs TYPE I: in TYPE A bytes have no fixed place.")
    return offset


async def RETR(session, arg):
    """RFC 959 section 4.1.3."""
    offset = _offset(session)
    path = session.path(arg)
    found = os.stat(path)
    if is_dir(found):
        return 550, "That is a directory."
    piece = None
    if session.range:
        piece = use("services.ftp.commands.hashing").piece_of(session, found[6])
        offset = piece.first
    if offset > found[6]:
        return 551, "REST lies beyond the end of the file, at %d." % found[6]

    async def work(transfer):
        with open(path, "rb") as file:
            if offset:
                file.seek(offset)
            sock = await session.data.open(session.address)
            transfer.connected = True
            source = use("services.ftp.text").TextReader(file) if session.text else file
            if piece:
                source = piece.of(file)
            await send(sock, source.readinto, transfer.buffer, transfer)
        return 226, "Transfer complete."

    reply = session.start("RETR", path, work)
    if not session.text:
        # Before the 150: a STAT right behind it may come before the transfer's first step.
        session.transfer.total = (piece.end if piece else found[6]) - offset
    return reply


async def STOR(session, arg):
    """RFC 959 section 4.1.3; with REST, the old file's beginning is kept."""
    offset = _offset(session)
    path = session.path(arg, True)
    if offset > _size(path):
        return 551, "REST lies beyond the end of the file, at %d." % _size(path)
    return store(session, "STOR", path, offset)


async def APPE(session, arg):
    """RFC 959 section 4.1.3: as STOR, behind what is there."""
    path = session.path(arg, True)
    return store(session, "APPE", path, _size(path))


def _size(path):
    """A file's bytes, 0 where there is none; FTPError 550 for a folder."""
    try:
        found = os.stat(path)
    except OSError:
        return 0
    if is_dir(found):
        raise FTPError(550, "That is a directory.")
    return found[6]


def store(session, verb, path, keep):
    """Start an upload that begins with `keep` bytes of the old file."""
    if session.range:
        session.range = None
        raise FTPError(551, "RANG is for RETR and HASH; REST is for uploads that go on.")
    if keep and path.lower() == session.server.key:
        raise FTPError(550, "Nothing may begin with the key; send the whole of a new one.")
    _size(path)  # a folder is refused before the data connection is used

    async def work(transfer):
        upload = Upload(path, session.number, session.server.uploads)
        try:
            await upload.copy_old(keep, transfer)
            sock = await session.data.open(session.address)
            transfer.connected = True
            sink = (
                use("services.ftp.text").TextWriter(upload.file) if session.text else upload.file
            )
            await receive(sock, sink.write, transfer.buffer, transfer)
            if session.text:
                sink.finish()
            await upload.settle(transfer)
            upload.commit()
        finally:
            upload.discard()
        return 226, b"Stored, %d bytes." % transfer.bytes

    return session.start(verb, path, work, True)


async def ABOR(session, arg):
    """RFC 959 section 4.1.3: 426 for the transfer, then 226; 225 when idle."""
    transfer = session.transfer
    if not transfer:
        session.data.close()
        return 225, "Nothing to abort."
    transfer.cancel()
    await session.finished()
    return 226, "Aborted."
