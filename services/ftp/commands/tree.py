"""Tree: PWD, CWD, CDUP, MKD, RMD, DELE, RNFR, RNTO: folders and names."""

import gc
import os
from errno import EEXIST

from hal.files import on_fat
from services.borrow import borrow
from services.ftp.errors import NOT_FOUND
from services.ftp.files import paths
from services.ftp.files.disk import holds_mount, is_dir, taken, times
from services.ftp.files.upload import told

_MOUNTED = 550, "A file system is mounted there."


def _quoted(path):
    """RFC 959 appendix II: a quote in a name is doubled."""
    return '"%s"' % path.replace('"', '""')


async def PWD(session, arg):
    """RFC 959 section 4.1.3."""
    return 257, "%s is the current directory." % _quoted(session.cwd)


XPWD = PWD


async def CWD(session, path):
    """RFC 959 section 4.1.1."""
    if not is_dir(os.stat(path)):
        return 550, "Not a directory."
    session.cwd = session.shown(path)
    return 250, "Working directory changed to: %s" % session.cwd


XCWD = CWD


async def CDUP(session, arg):
    """RFC 959 section 4.1.1."""
    return await CWD(session, session.path(".."))


XCUP = CDUP


async def MKD(session, arg):
    """RFC 959 section 4.1.3."""
    path = session.path(arg)
    if not taken(path):
        os.mkdir(session.path(arg, True))
        return 257, "%s created." % _quoted(session.shown(path))
    # Not 450 if a file in the folder is in transfer: rclone makes a file's folder while another of
    # its sessions stores into it, and takes 550 for "exists already".
    raise OSError(EEXIST)


XMKD = MKD


async def RMD(session, path):
    """RFC 959 section 4.1.3: an empty folder."""
    if not is_dir(os.stat(path)):
        return 550, "Not a directory; DELE removes files."
    if holds_mount(path):
        return _MOUNTED  # otherwise its own file system would be asked to remove its root
    for _ in os.ilistdir(path):  # FAT answers ENOENT for a folder that isn't empty
        return 550, "The directory is not empty."
    os.rmdir(path)
    return 250, "Directory removed."


XRMD = RMD


async def DELE(session, path):
    """RFC 959 section 4.1.3: a file."""
    if is_dir(os.stat(path)):  # LittleFS's remove() also removes empty folders
        return 550, "That is a directory; RMD removes it."
    # Allocate what the reply needs first: once the file is gone, no error may be sent.
    shown = session.shown(path)
    reply = 250, "Deleted."
    os.remove(path)
    try:
        kept = times()
        if kept:
            kept.deleted(path)
    except MemoryError:
        pass  # it is deleted, and a leftover record matches no other file
    session.server.changed(session, "deleted", shown)
    return reply


async def RNFR(session, arg):
    """RFC 959 section 4.1.3."""
    session.rename_from = None  # a client that pipelines sends RNTO even if this fails
    path = session.path(arg, True)
    os.stat(path)
    if not session.server.may_see(session, path):  # the key: admins can replace it
        return NOT_FOUND
    if session.server.is_around(session, path):
        return 550, "It holds what must stay where it is."
    if holds_mount(path):
        return _MOUNTED
    session.rename_from = path
    return 350, "Now RNTO."


async def RNTO(session, arg):
    """RFC 959 section 4.1.3. A folder replaces nothing, and can't be moved into itself."""
    old = session.rename_from
    session.rename_from = None  # also after a failure
    path = session.path(arg, True)
    if not old:
        return 503, "Send RNFR first."
    if path == old:
        return 250, "It has that name."
    if session.server.is_around(session, path):
        return 550, "That is where something else belongs."
    if paths.is_within(old, path):  # LittleFS would do it, and lose the folder
        return 553, "A directory can't go into itself."
    if session.server.is_busy(old):
        return 450, "That is being transferred; try again later."
    target = taken(path)
    if target and (is_dir(target) or is_dir(os.stat(old))):
        return 553, "There is something of that name already."
    # Allocate what the reply needs, then write the times: if memory is short, nothing is changed
    # yet. Once the file is renamed, no error may be sent.
    reply = [250, b"Renamed."]
    shown = session.shown(old), session.shown(path)
    kept = times()
    if kept and not await kept.rename(old, path, old):
        reply[1] = b"Renamed, but the time that MFMT gave it is lost."
    try:
        if target and on_fat(path):
            await borrow("services.ftp.files.fat", "move")(session, old, path)
        else:
            os.rename(old, path)
    except BaseException:
        if kept:
            await kept.rename(path, old, old)
        raise
    session.server.changed(session, "renamed", *shown)
    try:
        reply[1] = await told(session.server, path, reply[1])
    except MemoryError:
        gc.collect()
    return reply
