"""Transfers: TYPE, PASV, EPSV, REST, RETR, STOR, APPE, ABOR."""

import os

from services.borrow import use
from services.ftp.data.pump import receive, send
from services.ftp.errors import FTPError
from services.ftp.files.disk import is_dir, taken
from services.ftp.files.upload import told


async def TYPE(session, arg):
    """RFC 959 section 3.1.1: A (also A N) and I (also L 8)."""
    arg = arg.upper()
    kind = arg.replace(" ", "")
    if kind in ("A", "AN"):
        session.text = True
    elif kind in ("I", "L8"):
        session.text = False
    else:  # 504 for what RFC 959 knows: EBCDIC, other bytes, Telnet's and Fortran's formats
        known = kind[0] in "AEIL" and (len(kind) < 3 or kind[1:].isdigit())
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
    """RFC 2428 section 3; the network protocol is the control connection's."""
    if arg.upper() == "ALL":
        session.epsv_only = True
        return 200, "EPSV ALL: no PORT, PASV or EPRT from now on."  # cold
    protocol = "2" if ":" in session.address else "1"
    if arg not in ("", protocol):
        if not arg.isdigit():
            return 501, "EPSV takes nothing, %s or ALL." % protocol
        return 522, "Network protocol not supported, use (%s)" % protocol
    return 229, b"Entering Extended Passive Mode (|||%d|)" % await _listen(session)


async def _listen(session):
    server = session.server
    return session.data.listen(
        await server.sockets.queue_for_socket(session, server.passive_address()[0])
    )


async def REST(session, arg):
    """RFC 3659 section 5: the next RETR or STOR begins at that byte."""
    session.rest = 0
    if not arg.isdigit():
        return 501, "REST takes a number of bytes."
    session.rest = int(arg)
    return 350, "Restarting at byte %d." % session.rest  # cold


def _offset(session):
    """Return REST's byte; 0 if another command came between, see Session._obey()."""
    offset = max(session.rest, 0)
    if offset and session.text:
        raise FTPError(550, "An offset needs TYPE I: in TYPE A bytes have no fixed place.")
    return offset


def _require_within(offset, size):
    """Raise FTPError 551 if a transfer would begin beyond the end of a file of that size."""
    if offset > size:
        raise FTPError(551, "The offset lies beyond the end of the file, at %d." % size)


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
    text = use("services.ftp.data.text") if session.text else None
    _require_within(offset, found[6])

    async def work(transfer):
        file = transfer.file
        if offset:
            file.seek(offset)
        sock = await session.data.open(session.address)
        transfer.connected = True
        source = text.TextReader(file) if text else file
        if piece:
            source = piece.of(file)
        await send(sock, source.readinto, transfer.buffer, transfer)
        if text:
            return source.outcome(session)
        return 226, "Transfer complete."

    reply = session.start("RETR", path, work)
    if not session.text:
        # Set it before the 150: STAT may run before the transfer's first step.
        session.transfer.total = (piece.end if piece else found[6]) - offset
    return reply


async def STOR(session, arg):
    """RFC 959 section 4.1.3; with REST, keep the beginning of the old file."""
    return store(session, "STOR", session.path(arg, True), _offset(session))


async def APPE(session, arg):
    """RFC 959 section 4.1.3: like STOR, but append."""
    return store(session, "APPE", session.path(arg, True), None)


def store(session, verb, path, keep):
    """Start an upload that begins with the old file's first `keep` bytes; None for all of them."""
    if session.range:
        session.range = None
        raise FTPError(551, "RANG is for RETR and HASH; REST is for uploads that go on.")
    size = 0
    found = taken(path)
    if found:
        if is_dir(found):
            raise FTPError(550, "That is a directory.")
        size = found[6]
    if keep is None:
        keep = size
    _require_within(keep, size)
    if keep and path.lower() == session.server.key:
        raise FTPError(550, "Nothing may begin with the key; send the whole of a new one.")
    if session.rest < 0:
        use("services.ftp.commands.standard").ensure(keep - session.rest, path)
    text = use("services.ftp.data.text") if session.text else None

    async def work(transfer):
        upload = transfer.file
        await upload.copy_old(keep, transfer)
        sock = await session.data.open(session.address)
        transfer.connected = True
        sink = text.TextWriter(upload.file) if text else upload.file
        await receive(sock, sink.write, transfer.buffer, transfer)
        if text:
            sink.finish()
        await upload.settle(transfer)
        upload.commit()
        said = b"Stored, %d bytes." % transfer.bytes
        if text:
            said = sink.outcome(session, said)
        return 226, await told(session.server, path, said)

    return session.start(verb, path, work, True)


async def ABOR(session, arg):
    """RFC 959 section 4.1.3: 426 for the transfer, then 226; 225 when idle."""
    transfer = session.transfer
    if not transfer:
        session.data.close()
        return 225, "Nothing to abort."  # cold
    transfer.cancel()
    await session.finished()
    return 226, "Aborted."
