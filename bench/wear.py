"""Wear: what uploads, sessions and rest cost the flash, in blocks programmed and erased."""

import io
import os
import tempfile
import time
from pathlib import Path

from outpost.sim.clock import Haste, libfaketime
from outpost.sim.journal import writes

from bench.boards import Outpost
from bench.figures import Table

PROGRAMS, ERASES, RATIO = "programs", "erases", "bytes programmed by bytes uploaded"
ONE_FILE = "1 MiB in one file"
OVER = "1 MiB over an old file"
SMALL = "1 MiB in files of 1 KiB"
HOUR = "an hour at rest, no server answers"
_MIB, _KIB = 1 << 20, 1 << 10
_LOG_S = 6  # the log writes its lines within five
_HASTE = 120  # an hour in 30 s


class Meter:
    """Counts what a board writes to its flash, by the journal of it."""

    def __init__(self, journal):
        self._journal = journal
        self._seen = 0

    def take(self):
        """(programs, erases, bytes programmed) since the last call, or since the boot."""
        new = writes(self._journal)[self._seen :]
        self._seen += len(new)
        programmed = [len(data) for _, data in new if data is not None]
        return len(programmed), len(new) - len(programmed), sum(programmed)


def acts(ftp):
    """Yield (name, what to do in a session, bytes uploaded) for each row of the table."""
    data = os.urandom(_MIB)

    def store(path, content):
        ftp.storbinary(f"STOR {path}", io.BytesIO(content))

    def small_ones():
        for number in range(_MIB // _KIB):
            store(f"/small/{number}", data[number * _KIB :][:_KIB])

    def retrieve():
        for _ in range(100):
            ftp.retrbinary("RETR /boot.py", len)

    yield ONE_FILE, lambda: store("/wear", data), _MIB
    yield OVER, lambda: store("/wear", data[::-1]), _MIB
    ftp.mkd("/small")
    yield SMALL, small_ones, _MIB
    yield "MFMT", lambda: ftp.sendcmd("MFMT 20200101000000 /wear"), 0
    yield "100 RETRs: their lines in the log", retrieve, 0


def tables(folder):
    """Yield (key, Table): the wear of a board as it ships."""
    table = Table(
        "Flash wear",
        "A program is 128 bytes at most, an erase a block of 4 KiB; the log's lines are among "
        "them. Without wear of its own a MiB takes 8,192 programs and 256 erases.",
    )

    def add(name, meter, uploaded=0):
        programs, erases, count = meter.take()
        table.add(PROGRAMS, name, programs)
        table.add(ERASES, name, erases)
        table.add(RATIO, name, f"{count / uploaded:.3f}" if uploaded else None)

    with tempfile.TemporaryDirectory() as room:
        journal = Path(room) / "journal"
        meter = Meter(journal)
        with Outpost(folder, journal=journal) as server:
            time.sleep(_LOG_S)
            add("the first boot, which hashes a password", meter)
            server.answers()
            time.sleep(_LOG_S)
            add("a login and QUIT", meter)
            with server.client() as connection:
                for name, act, uploaded in acts(connection.ftp):
                    act()
                    time.sleep(_LOG_S)
                    add(name, meter, uploaded)
        if libfaketime():
            journal = Path(room) / "rest"
            meter = Meter(journal)
            with Outpost(folder, journal=journal, clock=Haste(_HASTE)):
                time.sleep(600 / _HASTE)
                meter.take()
                time.sleep(3600 / _HASTE)
                add(HOUR, meter)
    yield "wear", table
