"""Transfers: TYPE, MODE, STRU, PASV, EPSV, PORT, EPRT, RETR, STOR, APPE, REST, ALLO, ABOR."""

import os

import asyncio
from micropython import const

from services.ftp.commands import ANYTIME, ARG, PATH, WRITE, command
from services.ftp.errors import FTPError
from services.ftp.listing import is_dir
from services.ftp.pump import receive, send
from services.ftp.storing import Upload

_LOWEST_PORT = const(1024)  # no service of the client's host is to be reached (RFC 2577)


@command("TYPE", ARG)
async def kind(session, arg):
    """RFC 959 section 3.1.1: A (also A N) and I (also L 8)."""
    arg = arg.upper()
    if arg in ("A", "A N"):
        session.text = True
    elif arg in ("I", "L 8", "L8"):
        session.text = False
    else:
        return 504, "TYPE takes A, I or L 8."
    return 200, "Type is %s." % arg


@command("MODE", ARG)
async def mode(session, arg):
    """RFC 959 section 3.4: stream mode alone."""
    return (200, "Mode is S.") if arg.upper() == "S" else (504, "MODE takes S.")


@command("STRU", ARG)
async def structure(session, arg):
    """RFC 959 section 3.1.2: file structure alone."""
    return (200, "Structure is F.") if arg.upper() == "F" else (504, "STRU takes F.")


@command("ALLO", ARG)
async def allocate(session, arg):
    """RFC 959 section 4.1.3: is there room for so many bytes?"""
    try:
        wanted = int(arg.split()[0])
    except ValueError:
        return 501, "ALLO takes a number of bytes."
    found = os.statvfs(session.path(""))
    if wanted > found[0] * found[3]:
        return 552, "Only %d bytes are free." % (found[0] * found[3])
    return 202, "There is room."


def _listen(session):
    server = session.server
    host, told = server.passive_address()
    return told, session.data.listen(host, server.passive_candidates())


@command("PASV")
async def passive(session, arg):
    """RFC 959 section 4.1.2."""
    if session.epsv_only:
        return 501, "After EPSV ALL there is EPSV alone."
    told, port = _listen(session)
    numbers = told.replace(".", ","), port >> 8, port & 255
    return 227, "Entering Passive Mode (%s,%d,%d)." % numbers


@command("EPSV", 0, "EPSV")
async def extended_passive(session, arg):
    """RFC 2428 section 3."""
    if arg.upper() == "ALL":
        session.epsv_only = True
        return 200, "EPSV ALL: no PORT, PASV or EPRT from now on."
    if arg not in ("", "1"):
        return 522, "Network protocol not supported, use (1)"
    return 229, "Entering Extended Passive Mode (|||%d|)" % _listen(session)[1]


@command("PORT", ARG)
async def active(session, arg):
    """RFC 959 section 4.1.2."""
    numbers = arg.split(",")
    try:
        numbers = [int(number) for number in numbers]
    except ValueError:
        numbers = ()
    if len(numbers) != 6 or not all(0 <= number <= 255 for number in numbers):
        return 501, "PORT takes h1,h2,h3,h4,p1,p2."
    host = ".".join([str(number) for number in numbers[:4]])
    return _aim(session, host, numbers[4] << 8 | numbers[5])


@command("EPRT", ARG, "EPRT")
async def extended_active(session, arg):
    """RFC 2428 section 2: |1|address|port|, the delimiter is the first character."""
    parts = arg.split(arg[0])
    if len(parts) != 5 or parts[0] or parts[4]:
        return 501, "EPRT takes |1|address|port|."
    if parts[1] != "1":
        return 522, "Network protocol not supported, use (1)"
    try:
        port = int(parts[3])
    except ValueError:
        return 501, "EPRT takes |1|address|port|."
    return _aim(session, parts[2], port)


def _aim(session, host, port):
    if session.epsv_only:
        return 501, "After EPSV ALL there is EPSV alone."
    if host != session.address:
        return 501, "Only to your own address, %s (RFC 2577)." % session.address
    if not _LOWEST_PORT <= port <= 65535:
        return 501, "Only to a port from 1024 to 65535 (RFC 2577)."
    session.data.aim(port)
    return 200, "Understood."


@command("REST", ARG, "REST STREAM")
async def restart(session, arg):
    """RFC 3659 section 5: the next RETR or STOR begins at that byte."""
    if not arg.isdigit():
        return 501, "REST takes a number of bytes."
    session.rest = int(arg)
    return 350, "Restarting at byte %d." % session.rest


def _offset(session):
    """The byte that REST asked for, which counts for one transfer."""
    offset = session.rest
    session.rest = 0
    if offset and session.text:
        raise FTPError(550, "REST needs TYPE I: in TYPE A bytes have no fixed place.")
    return offset


def _text():
    """The conversion of TYPE A, which few clients ask for; loaded by the first."""
    from services.ftp import text

    return text


@command("RETR", ARG | PATH)
async def retrieve(session, path):
    """RFC 959 section 4.1.3."""
    offset = _offset(session)
    found = os.stat(path)
    if is_dir(found):
        return 550, "That is a directory."
    if offset > found[6]:
        return 551, "REST lies beyond the end of the file, at %d." % found[6]

    async def work(transfer):
        with open(path, "rb") as file:
            if offset:
                file.seek(offset)
            sock = await session.data.open()
            transfer.connected = True
            source = _text().TextReader(file) if session.text else file
            await send(sock, source.readinto, transfer.buffer, transfer)
        return 226, "Transfer complete."

    return session.start("RETR", path, work)


@command("STOR", ARG | PATH | WRITE)
async def store(session, path):
    """RFC 959 section 4.1.3; with REST, the old file's beginning is kept."""
    offset = _offset(session)
    if offset > _size(path):
        return 551, "REST lies beyond the end of the file, at %d." % _size(path)
    return _store(session, "STOR", path, offset)


@command("APPE", ARG | PATH | WRITE)
async def append(session, path):
    """RFC 959 section 4.1.3: as STOR, behind what is there."""
    session.rest = 0
    return _store(session, "APPE", path, _size(path))


def _size(path):
    """A file's bytes, 0 where there is none; FTPError 550 for a folder."""
    try:
        found = os.stat(path)
    except OSError:
        return 0
    if is_dir(found):
        raise FTPError(550, "That is a directory.")
    return found[6]


def _store(session, verb, path, keep):
    """Start an upload that begins with `keep` bytes of the old file."""
    _size(path)  # a folder is refused before the data connection is used

    async def work(transfer):
        upload = Upload(path, session.number, session.server.uploads)
        try:
            await upload.copy_old(keep, transfer)
            sock = await session.data.open()
            transfer.connected = True
            sink = _text().TextWriter(upload.file) if session.text else upload.file
            await receive(sock, sink.write, transfer.buffer, transfer)
            if session.text:
                sink.finish()
            # A client that dies closes the control connection too, before the data. Two turns
            # of the loop, one to poll and one to run what was polled, let the session see that
            # and cancel: this was no end of file.
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
            upload.commit()
        finally:
            upload.discard()
        return 226, "Stored, %d bytes." % transfer.bytes

    return session.start(verb, path, work, True)


@command("ABOR", ANYTIME)
async def abort(session, arg):
    """RFC 959 section 4.1.3: 426 for the transfer, then 226; 225 when idle."""
    transfer = session.transfer
    if not transfer:
        session.data.close()
        return 225, "Nothing to abort."
    transfer.cancel()
    await session.finished()
    return 226, "Aborted."
