"""Files: SIZE, MDTM, MFMT, MLST, AVBL: facts about one file, and free space."""

import os
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from services.borrow import use
from services.ftp.files.disk import is_dir, stat_of
from services.ftp.files.listing import stamp

_SLICE_MS = const(5)


async def SIZE(session, path):
    """RFC 3659 section 4: bytes that RETR would send; for TYPE A, count the line ends."""
    found = os.stat(path)
    if is_dir(found):
        return 550, "That is a directory."
    if not session.text:
        return 213, str(found[6])

    async def work(transfer):
        transfer.total = found[6]
        with open(path, "rb") as file:
            lacking = await _line_ends(file, transfer)
        return 213, str(found[6] + lacking)

    return session.start("SIZE", path, work, data=False)


async def _line_ends(file, transfer):
    """Return how many LFs of a file have no CR before them: TYPE A adds that many bytes."""
    buffer = transfer.buffer
    lacking = 0
    after_cr = False
    since = ticks_ms()
    while True:
        size = file.readinto(buffer)
        if not size:
            return lacking
        lacking += buffer.count(b"\n", 0, size) - buffer.count(b"\r\n", 0, size)
        if after_cr and buffer[0] == 10:
            lacking -= 1
        after_cr = buffer[size - 1] == 13
        transfer.bytes += size
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            await asyncio.sleep_ms(0)
            transfer.touched = since = ticks_ms()


async def MDTM(session, arg):
    """RFC 3659 section 3, in UTC. With a time before the path it is MFMT, as ncftp uses it."""
    try:
        found = stat_of(session.path(arg))
    except OSError:
        when, _, name = arg.lstrip().partition(" ")
        if not name or not when[:14].isdigit() or len(when) < 14 or session.account.role == "read":
            raise
        if len(when) == 14:
            return _set_time(session, when, name)
        if when[14] in ".+-Zz":
            return 501, "MDTM takes no fraction and no zone; MFMT sets a time, in UTC."
        raise
    if is_dir(found):
        return 550, "Folders have no time here."
    return 213, stamp(found[8] + hal.EPOCH, hal.EPOCH)


async def MFMT(session, arg):
    """draft-somers-ftp-mfxx-04 section 3: set the time that MDTM, MLSD and LIST show."""
    when, _, name = arg.lstrip().partition(" ")
    return _set_time(session, when, name)


def _set_time(session, text, name):
    times = use("services.ftp.files.times")
    try:
        when = times.seconds(text)
    except ValueError:
        return 501, "A time is YYYYMMDDHHMMSS in UTC, from 1970 to 2105."
    if not name:
        return 501, "MFMT takes a time and a path."
    path = session.path(name, True)
    if is_dir(os.stat(path)):
        return 550, "Folders have no time here."
    times.keep(path, when)
    return 213, "Modify=%s; %s" % (text[:14], name)


async def MLST(session, path):
    """RFC 3659 section 7: one entry, over the control connection."""
    facts = use("services.ftp.files.facts").Facts(session, path)
    line = facts.line(session.shown(path), stat_of(path), path.encode())
    await session.reply_lines(250, "Facts:", (line[:-2],), b" ")


async def AVBL(session, path):
    """draft-peterson-streamlined-ftp-command-extensions-09 section 4: bytes free for a folder."""
    if not is_dir(os.stat(path)):
        return 550, "Not a directory."
    return 213, str(hal.room(path)[0])
