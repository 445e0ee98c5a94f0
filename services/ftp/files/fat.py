"""FAT: RNTO over an existing file, safe against power cuts; borrowed."""

import os

from micropython import const

from services.ftp.files.upload import Upload

_PIECE = const(512)


async def move(session, old, path):
    """Replace path by old: upload old's content to path, then delete old.

    After a power cut, a rename alone could leave two entries for one file and the replaced file
    moved aside, which can't be told apart. Raises OSError or FTPError; old exists until path is
    replaced.
    """
    server = session.server
    server.hold(path, True)
    try:
        server.hold(old, False)
        try:
            upload = Upload(path, session.number, server.uploads)
            try:
                await upload.copy(old, os.stat(old)[6], bytearray(_PIECE))
                upload.finish()
                upload.commit()
            finally:
                upload.close()
        finally:
            server.release(old)
    finally:
        server.release(path)
    os.remove(old)
