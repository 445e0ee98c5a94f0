"""Folder: a folder's entries, listed while other sessions change it."""

import gc
import os
from errno import EIO


def listed(path):
    """Yield the entries of a folder as os.ilistdir() gives them. Raises OSError.

    path: text or bytes. Up to MicroPython 1.25, LittleFS loses its place in a folder that
    changes, and os.ilistdir() then yields an entry without a name, for ever: it takes the error
    of lfs2_dir_read() for an entry [S: extmod/vfs_lfsx.c:180, at 1.25]. So the folder is listed
    again, from behind the last name: LittleFS has them in the order of their bytes.
    """
    behind = last = None
    while True:
        for entry in os.ilistdir(path):
            name = entry[0]
            if not name:
                break
            # Mount points, of three fields, come before all else, in no order.
            if behind is None or (len(entry) > 3 and name > behind):
                if len(entry) > 3:
                    last = name
                yield entry
        else:
            return
        # LittleFS still updates the lost one, at its address, until it is collected.
        gc.collect()
        last = last or name
        if last == behind:  # nothing ran in between: the folder is damaged
            raise OSError(EIO)
        behind = last
