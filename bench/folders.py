"""Folders: what listings of a folder with many files on the board's flash take."""

import io
import statistics
import time

from bench.boards import Outpost
from bench.figures import Table

_FILES = 1000
_ROUNDS = 5
TOOK, RATIO = "ms", "by NLST"
# name -> (facts that OPTS MLST asks for, or None; the command)
_LISTINGS = {
    "NLST": (None, "NLST"),
    "MLSD with type and size": ("type;size;", "MLSD"),
    "MLSD with modify": ("type;size;modify;", "MLSD"),
    "LIST": (None, "LIST"),
}


def _took(ftp, command):
    """Milliseconds of a listing; the median of some."""
    found = []
    for _ in range(_ROUNDS):
        lines = []
        began = time.monotonic()
        ftp.retrlines(f"{command} /many", lines.append)
        found.append((time.monotonic() - began) * 1000)
        if len(lines) != _FILES:
            raise ValueError(f"{command} has {len(lines)} lines, not {_FILES}")
    return statistics.median(found)


def tables(folder):
    """Yield (key, Table): listings of one folder on LittleFS, as ratios to its names alone."""
    table = Table(
        f"Listings of {_FILES:,} files on flash",
        "Only MicroPython's os.stat() tells a file's time, and LittleFS goes through the folder "
        "twice for each; kind and size come with the names.",
    )
    with Outpost(folder) as server, server.client() as connection:
        ftp = connection.ftp
        ftp.mkd("/many")
        for number in range(_FILES):
            ftp.storbinary(f"STOR /many/{number:04}.csv", io.BytesIO(b""))
        names = None
        for name, (facts, command) in _LISTINGS.items():
            if facts:
                ftp.sendcmd(f"OPTS MLST {facts}")
            took = _took(ftp, command)
            names = names or took
            table.add(TOOK, name, round(took))
            table.add(RATIO, name, f"{took / names:.1f}")
    yield "folders", table
