"""The table of times: small, hidden, and safe from a power cut."""

import contextlib
import os
import re

import pytest
from outpost.sim.desk import BoardFailed

from tests.ftp.mfmt.conftest import MOST, RECORD, TIMES, WHEN, keep, shown

CHANGES = {f"/{name}": f"20{n}0101000000" for n, name in enumerate(["one", "two", "three"], 20)}


def test_a_record_is_found_where_records_begin_alone(micropython):
    """What looks like a record in the middle of two others is none."""
    script = """
from binascii import crc32
from struct import pack
from services.ftp.files.times import Kept
found = (0x8000, 0, 0, 0, 0, 0, 5, 0, 700, 0)
true = pack("<IIII", crc32("name"), 700, 5, 1_000_000)
print(Kept(bytearray(b"1234" + true + b"123456789012" + true)).applied("name", found)[8])
print(Kept(bytearray(b"1234" + true + b"123456789012")).applied("name", found)[8])
"""
    assert micropython(script).split() == ["1000000", "700"]


class TestTable:
    """The table is small, hidden, and safe from a power cut."""

    def test_nobody_sees_it(self, control, connect, path):
        for user in ("admin", "writer", "reader"):
            session = connect(user)
            for name in (TIMES, TIMES.upper()):
                assert session.ask(f"SIZE {name}").code == 550
                assert session.ask(f"MLST {name}").code == 550
                session.passive_port()
                assert session.ask(f"RETR {name}").code == 550
            assert b".times" not in session.fetch("LIST -a /")
            assert b".times" not in session.fetch("MLSD /")

    def test_it_is_bounded_and_loses_the_oldest(self, power_up, connect):
        """1,000 files with times: the last 200 have theirs, and the heap hasn't grown."""
        board = power_up()
        control = connect(to=board)
        control.ask("TYPE I")
        control.ask("MKD /many")
        for n in range(40):
            control.put(f"/many/{n}", b"x")
        for n in range(40):
            keep(control, f"/many/{n}")
        free = free_heap(control)
        for n in range(1_000):
            name = f"/many/{n % 40}"
            keep(control, name, f"2010010100{n % 60:02}{n // 60:02}")
        assert free_heap(control) > free - 4096, "20,000 bytes of records are not in the heap"
        for n in range(40, MOST + 60):
            control.put(f"/many/{n}", b"x")
            keep(control, f"/many/{n}")

        times = modified(control, "/many")
        assert [n for n in range(MOST + 60) if times[str(n)] == WHEN] == list(range(60, MOST + 60))
        control.close()
        board.stop()
        assert len(board.read(TIMES)) == MOST * RECORD

    def test_it_lasts_over_a_power_cut(self, power_up, connect):
        board = power_up()
        control = connect(to=board)
        control.put("/file", b"x")
        keep(control, "/file")
        board.kill()
        board.start()
        board.wait_ready()

        assert shown(connect(to=board), "/file") == WHEN

    def test_a_power_cut_at_any_write_leaves_the_old_time_or_the_new_one(self, power_up, connect):
        board = power_up()
        control = connect(to=board)
        for path in CHANGES:
            control.put(path, b"x")
            keep(control, path)
        board.stop()
        image = board.flash.read_bytes()
        assert change_until_the_power_fails(board, connect, 0) == set(CHANGES)
        board.stop()
        writes = board.programs + board.erases
        outcomes = set()
        for write in range(writes // 3, writes * 3 // 4):  # boot and stop write to the log
            board.flash.write_bytes(image)
            confirmed = change_until_the_power_fails(board, connect, write)
            board.kill()
            board.cut_at_write = 0
            board.start()
            board.wait_ready()
            control = connect(to=board)
            found = {path: shown(control, path) for path in CHANGES}
            keep(control, "/one")
            board.stop()
            for path, new in CHANGES.items():
                assert found[path] in (WHEN, new), f"cut at write {write}"
                assert path not in confirmed or found[path] == new, f"lost at write {write}"
                outcomes.add((path in confirmed, found[path] == new))
            assert not [path for path in board.paths("/") if ".upload-" in path]
        assert outcomes >= {(False, False), (True, True)}, "the cuts fell around the changes"

    @pytest.mark.parametrize("content", [b"", b"x", b"x" * 19, b"\0" * 21, os.urandom(9_000)])
    def test_a_damaged_table_does_no_harm(self, power_up, connect, content):
        board = power_up()
        control = connect(to=board)
        control.put("/file", b"x")
        control.put(TIMES, content)  # admins may replace it

        assert shown(control, "/file") > "2020"
        keep(control, "/file")
        assert shown(control, "/file") == WHEN
        assert control.ask("DELE /file").code == 250
        control.close()
        board.stop()
        assert len(board.read(TIMES)) <= MOST * RECORD


def modified(control, folder):
    """name -> modify of MLSD."""
    lines = control.fetch(f"MLSD {folder}").decode().split("\r\n")[:-1]
    return {line.split(" ", 1)[1]: re.search(r"modify=(\d+)", line)[1] for line in lines}


def free_heap(control):
    """What SITE free says, after SITE gc, in bytes."""
    control.ask("SITE gc")
    return int(re.search(r"Mem:.* (\d+)KiB", control.ask("SITE free").text)[1]) * 1024


def change_until_the_power_fails(board, connect, write):
    """Boot with a cut at that write and set new times: the paths that were confirmed."""
    board.cut_at_write = write
    board.start()
    confirmed = set()
    with contextlib.suppress(OSError, AssertionError, BoardFailed):
        board.wait_ready()
        session = connect(to=board)
        for path, when in CHANGES.items():
            keep(session, path, when)
            confirmed.add(path)
    return confirmed
