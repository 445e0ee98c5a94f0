"""FAT: an upload takes a file's place so that a power cut leaves one of both; borrowed."""

import os
from time import ticks_diff, ticks_ms

import asyncio

from services.ftp import paths
from services.ftp.storing import Upload

_SLICE_MS = 5
_PIECE = 512


def replace(part, path):
    """Rename part to path, over a file that may be there.

    FAT's own rename removes that file first: a power cut then leaves neither name. Here it goes
    aside, under a name that tells where it belongs, and recover() knows what to do.
    """
    aside = part + "-" + paths.split(path)[1]
    try:
        os.rename(path, aside)
    except OSError:
        os.rename(part, path)  # nothing is there; or its name has no room for more letters
        return
    try:
        os.rename(part, path)
    except OSError:
        os.rename(aside, path)
        raise
    os.remove(aside)


async def move(session, old, path):
    """Rename old to path, over a file that is there: as an upload of old's content.

    A rename alone leaves too much to tell by what a power cut left: of its own two entries for
    one file, and of the file that went aside. OSError, FTPError; old is there until path is new.
    """
    server = session.server
    server.hold(path, True)
    try:
        server.hold(old, False)
        try:
            upload = Upload(path, session.number, server.uploads)
            try:
                await upload.copy(old, os.stat(old)[6], bytearray(_PIECE))
                upload.close()
                upload.commit()
            finally:
                upload.discard()
        finally:
            server.release(old)
    finally:
        server.release(path)
    os.remove(old)


async def recover(aside):
    """Settle what a power cut left of a replace(): its target is then the old file or the new.

    FAT writes a rename's new entry before it removes the old one, where they lie in two sectors:
    a cut between leaves one file under two names, and to remove one frees the other's clusters.
    So the target takes the content that has one name only; what is removed then was free already.
    """
    folder, name = paths.split(aside)
    cut = name.find("-", name.find("-") + 1)
    part = paths.join(folder, name[:cut])
    path = paths.join(folder, name[cut + 1 :])
    if not _exists(path):
        if _exists(part):
            # Whole, as replace() was given it. Not the old file: where this very step was cut
            # short before, its clusters may be free.
            os.rename(part, path)
            os.remove(aside)
        else:
            os.rename(aside, path)
    elif not _exists(part):
        os.remove(aside)
    elif await _alike(aside, path):
        os.rename(part, path)
        os.remove(aside)
    else:
        os.rename(aside, path)
        os.remove(part)


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


async def _alike(one, other):
    if os.stat(one)[6] != os.stat(other)[6]:
        return False
    since = ticks_ms()
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            piece = first.read(_PIECE)
            if piece != second.read(_PIECE):
                return False
            if not piece:
                return True
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                await asyncio.sleep_ms(0)
                since = ticks_ms()
