"""FAT: RNTO over a file that is there, so that a power cut costs neither; borrowed."""

import os

from micropython import const

from services.ftp.files.upload import Upload

_PIECE = const(512)


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
                upload.finish()
                upload.commit()
            finally:
                upload.close()
        finally:
            server.release(old)
    finally:
        server.release(path)
    os.remove(old)
