"""Sweep: removes the half-written files that a power cut left; borrowed once after each boot.

All parts of Outpost that write a file beside another, to rename it over that, name it
`.upload-...` (hal/files.py): uploads, config.json, the last traceback, the clients' times,
telemetry's failures. Only recovery.py does not; it rewrites its files at each boot.
"""

import os
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from hal.files import PREFIX
from services.borrow import borrow
from services.ftp.files import paths
from services.ftp.files.disk import is_dir

_SLICE_MS = const(5)
listed = borrow("services.ftp.files.folder", "listed")  # an import would leave the module behind


async def sweep(in_use):
    """Walk all folders; remove unfinished files, except uploads whose paths are in in_use.

    Never blocks the loop for long. A folder that fails is skipped.
    """
    folders = ["/"]
    since = ticks_ms()
    while folders:
        folder = folders.pop()
        stale = []
        ready = []  # on FAT: complete files that have not yet replaced their targets
        try:
            for entry in listed(folder):
                path = paths.join(folder, entry[0])
                if is_dir((entry[1],)):
                    folders.append(path)
                elif entry[0].startswith(PREFIX):
                    (ready if "-" in entry[0][len(PREFIX) :] else stale).append(path)
                if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                    await asyncio.sleep_ms(0)
                    since = ticks_ms()
            if ready:
                from hal import fat

                for path in ready:
                    for _ in fat.recover(path, in_use):
                        await asyncio.sleep_ms(0)
            for path in stale:
                if path not in in_use:
                    _remove(path)
        except OSError:
            continue


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # recover() has renamed it, or its writer has finished meanwhile
