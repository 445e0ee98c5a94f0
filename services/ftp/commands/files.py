"""Files: SIZE, MDTM, MLST: what is known of one file."""

import os

from micropython import const

import hal
from services.ftp.listing import formatter, is_dir, stamp

_LONGEST_TEXT = const(65536)  # bytes that SIZE counts through for TYPE A


async def SIZE(session, path):
    """RFC 3659 section 4: what RETR would send, so TYPE A counts line ends."""
    found = os.stat(path)
    if is_dir(found):
        return 550, "That is a directory."
    total = found[6]
    if session.text:
        if total > _LONGEST_TEXT:
            return 550, "Too long to count in TYPE A; use TYPE I."
        total += _line_ends(path)
    return 213, str(total)


def _line_ends(path):
    """How many LFs of a file lack their CR: what TYPE A adds."""
    lacking = 0
    last = b""
    with open(path, "rb") as file:
        while True:
            data = file.read(512)
            if not data:
                return lacking
            lacking += data.count(b"\n") - (last + data).count(b"\r\n")
            last = data[-1:]


async def MDTM(session, path):
    """RFC 3659 section 3, in UTC."""
    found = os.stat(path)
    if is_dir(found):
        return 550, "Folders have no time here."
    return 213, stamp(found[8] + hal.EPOCH, hal.EPOCH)


async def MLST(session, path):
    """RFC 3659 section 7: one entry, over the control connection."""
    line = formatter(session).facts(session.shown(path), os.stat(path))
    await session.reply_lines(250, "Facts:", (line.rstrip(),), b" ")
