"""Sweep: removes what a power cut left half written; borrowed once after each boot.

Whoever of Outpost writes a file beside another one, to rename it over that, calls it
`.upload-...` (hal/files.py): uploads, config.json, the last traceback, the clients' times,
telemetry's failures. recovery.py writes its own anew at each boot.
"""

import os
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

from hal.files import PREFIX
from services.ftp.files import paths
from services.ftp.files.disk import is_dir

_SLICE_MS = const(5)


async def sweep(in_use):
    """Walk all folders; remove unfinished files but for the uploads whose paths are in in_use.

    Never holds the loop for long, and stops for nothing: a folder that fails is passed over.
    """
    folders = ["/"]
    since = ticks_ms()
    while folders:
        folder = folders.pop()
        stale = []
        ready = []  # on FAT: whole files that have not yet taken their places
        try:
            for entry in os.ilistdir(folder):
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
        pass  # recover() has given it its place, or its writer was done meanwhile
