"""MFMT: the client's time of a file is kept, and is shown until the file is another one."""

import contextlib
import os
import re
import time

import pytest
from outpost.sim.desk import BoardFailed
from starving import STARVE

TIMES = "/.times"
MOST = 200  # files whose times are kept
RECORD = 20  # bytes of each
WHEN = "20020717210715"
CHANGES = {f"/{name}": f"20{n}0101000000" for n, name in enumerate(["one", "two", "three"], 20)}

# An application that writes /file when /rewrite is there.
REWRITER = """
import asyncio, os


async def run(status, events):
    while True:
        await asyncio.sleep_ms(20)
        try:
            os.stat("/rewrite")
        except OSError:
            continue
        with open("/file", "w") as file:
            file.write("by the application")
        os.remove("/rewrite")
"""


def shown(control, path):
    """The times that MDTM, MLST and MLSD show, which must be one; LIST's day must be theirs."""
    folder, _, name = path.rpartition("/")
    mdtm = control.ask(f"MDTM {path}").text.removeprefix("213 ")
    mlst = re.search(r"modify=(\d+);", control.ask(f"MLST {path}").text)[1]
    lines = control.fetch(f"MLSD {folder or '/'}").decode().split("\r\n")
    mlsd = [re.search(r"modify=(\d+);", line)[1] for line in lines if line.endswith(f" {name}")]
    assert [mdtm] == [mlst] == mlsd
    parsed = time.strptime(mdtm, "%Y%m%d%H%M%S")
    day = time.strftime("%b ", parsed) + f"{parsed.tm_mday:2} "
    rows = control.fetch(f"LIST {folder or '/'}").decode().split("\r\n")
    assert [day in row for row in rows if row.endswith(f" {name}")] == [True], rows
    assert day in control.fetch(f"LIST {path}").decode()
    assert day in control.ask(f"STAT {path}").text
    return mdtm


def keep(control, path, when=WHEN):
    reply = control.ask(f"MFMT {when} {path}")
    assert reply.lines == [f"213 Modify={when}; {path}"]


@pytest.fixture
def path(control, folder):
    """A file that has the time WHEN."""
    control.ask("TYPE I")
    control.put(f"{folder}/file", b"content")
    keep(control, f"{folder}/file")
    return f"{folder}/file"


class TestShown:
    """Everything that shows a file's time shows the client's."""

    def test_by_mdtm_mlst_mlsd_list_and_stat(self, control, path):
        assert shown(control, path) == WHEN

    @pytest.mark.parametrize(
        "when",
        [
            "19700101000001", "19991231235959", "20000101000000", "20000229120000",
            "20240229235959", "20380119031408", "20991231235959", "21000228000000",
        ],
    )  # fmt: skip
    def test_times_of_long_ago_and_of_later(self, control, path, when):
        keep(control, path, when)

        assert shown(control, path) == when

    def test_to_other_sessions_and_to_readers(self, connect, path):
        assert shown(connect("reader"), path) == WHEN

    def test_on_the_card(self, control, board):
        (board.card / "file").write_bytes(b"x")
        keep(control, "/sd/file")

        assert shown(control, "/sd/file") == WHEN

    def test_in_the_root(self, control):
        control.put("/in-the-root", b"x")
        keep(control, "/in-the-root")

        assert shown(control, "/in-the-root") == WHEN
        assert control.ask("DELE /in-the-root").code == 250

    def test_names_with_blanks_and_relative_ones(self, control, folder):
        control.put(f"{folder}/ a file ", b"x")
        control.ask(f"CWD {folder}")

        assert control.ask(f"MFMT {WHEN}  a file ").text == f"213 Modify={WHEN};  a file "

        assert shown(control, f"{folder}/ a file ") == WHEN

    def test_a_fraction_of_a_second_is_cut_off(self, control, path):
        assert control.ask(f"MFMT 20100101000000.125 {path}").text.startswith(
            "213 Modify=20100101000000;"
        )
        assert shown(control, path) == "20100101000000"

    def test_the_last_one_counts(self, control, path):
        keep(control, path, "20101010101010")
        keep(control, path, "20111111111111")

        assert shown(control, path) == "20111111111111"

    def test_many_files_of_one_second_keep_theirs_apart(self, control, folder):
        """As a mirror sends them: all empty, all stored in one second."""
        whens = {f"{folder}/{n}/__init__.py": f"2015010100{n:02}00" for n in range(12)}
        for path, when in whens.items():
            control.ask(f"MKD {path.rpartition('/')[0]}")
            control.put(path, b"")
            keep(control, path, when)

        assert {path: shown(control, path) for path in whens} == whens


class TestDropped:
    """What becomes another file has its own time."""

    def test_by_stor_even_in_the_same_second_with_the_same_content(self, control, path):
        for _ in range(5):
            keep(control, path)
            control.put(path, b"content")

            assert shown(control, path) != WHEN

    def test_by_appe(self, control, path):
        assert control.store(f"APPE {path}", b"more").code == 226

        assert shown(control, path) != WHEN

    def test_by_dele_and_a_new_file_of_that_name(self, control, path):
        assert control.ask(f"DELE {path}").code == 250
        control.put(path, b"content")

        assert shown(control, path) != WHEN

    def test_by_whoever_writes_without_ftp(self, control, board):
        (board.card / "written").write_bytes(b"by ftp")
        keep(control, "/sd/written")
        (board.card / "written").write_bytes(b"by another")

        assert shown(control, "/sd/written") != WHEN

    def test_by_the_application(self, power_up, connect, wait_for):
        board = power_up(sections={"app": "app"}, files={"/app.py": REWRITER})
        control = connect(to=board)
        control.put("/file", b"by ftp")
        keep(control, "/file")
        assert shown(control, "/file") == WHEN

        control.put("/rewrite", b"now")
        wait_for(lambda: control.ask("SIZE /rewrite").code == 550, "the application to rewrite it")

        assert shown(control, "/file") != WHEN

    def test_but_not_by_an_upload_that_failed(self, control, connect, path):
        session = connect()
        sock = session.begin(f"STOR {path}")
        sock.sendall(b"con")
        session.reset(sock)
        assert session.reply().code == 426

        assert shown(control, path) == WHEN

    def test_the_table_forgets_what_is_deleted(self, power_up, connect):
        board = power_up()
        control = connect(to=board)
        control.put("/one", b"1")
        control.put("/two", b"2")
        keep(control, "/one")
        keep(control, "/two")
        assert control.ask("DELE /one").code == 250
        board.stop()

        assert len(board.read(TIMES)) == RECORD


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


class TestRenamed:
    """RNFR and RNTO take it along."""

    def rename(self, control, old, new):
        assert control.ask(f"RNFR {old}").code == 350
        assert control.ask(f"RNTO {new}").code == 250

    def test_a_file(self, control, path, folder):
        self.rename(control, path, f"{folder}/other")

        assert shown(control, f"{folder}/other") == WHEN
        control.put(path, b"content")
        assert shown(control, path) != WHEN

    def test_a_file_into_another_folder(self, control, path, folder):
        control.ask(f"MKD {folder}/sub")
        self.rename(control, path, f"{folder}/sub/file")

        assert shown(control, f"{folder}/sub/file") == WHEN

    def test_a_file_over_one_that_had_a_time(self, control, path, folder):
        control.put(f"{folder}/new", b"content")  # so long, so old: only the name is another
        self.rename(control, f"{folder}/new", path)

        assert shown(control, path) != WHEN

    def test_a_folder_with_all_below(self, control, folder):
        deep = "/a"
        for n in range(4):
            control.ask(f"MKD {folder}{deep}")
            control.put(f"{folder}{deep}/file", b"x")
            keep(control, f"{folder}{deep}/file", f"2003010101010{n}")
            deep += "/sub"
        self.rename(control, f"{folder}/a", f"{folder}/b")

        deep = "/b"
        for n in range(4):
            assert shown(control, f"{folder}{deep}/file") == f"2003010101010{n}"
            deep += "/sub"


class TestRefused:
    """501 for what is no time, 550 for what has none."""

    @pytest.mark.parametrize(
        "when",
        [
            "20021317210715", "20020017210715", "20020732210715", "20020700210715",
            "20010229000000", "21000229000000", "20020717240000", "20020717216000",
            "20020717210760", "19691231235959", "2002071721071", "200207172107155",
            "2002071721071x", "-0020717210715", "20020717210715.", "20020717210715.x",
            "21070101000000", "99991231235959", "00000000000000", "2002-07-17", "x",
        ],
    )  # fmt: skip
    def test_what_is_no_time(self, control, path, when):
        assert control.ask(f"MFMT {when} {path}").code == 501

        assert shown(control, path) == WHEN

    def test_without_a_path(self, control):
        for arg in ("", f" {WHEN}", f" {WHEN} "):
            assert control.ask(f"MFMT{arg}").code == 501

    def test_what_is_missing_and_folders(self, control, folder):
        assert control.ask(f"MFMT {WHEN} {folder}/none").code == 550
        assert control.ask(f"MFMT {WHEN} {folder}").code == 550
        assert control.ask(f"MFMT {WHEN} /").code == 550

    def test_who_may_not_write(self, connect, path):
        assert connect("reader").ask(f"MFMT 20200101000000 {path}").code == 550
        assert connect("writer").ask(f"MFMT {WHEN} /config.json").code == 550
        assert shown(connect(), path) == WHEN

    def test_a_file_in_transfer(self, control, connect, path):
        session = connect()
        sock = session.begin(f"STOR {path}")

        assert control.ask(f"MFMT {WHEN} {path}").code == 450

        sock.close()
        assert session.reply().code == 226


class TestOlderForms:
    """MDTM with a time before the path: what ncftp sends."""

    def test_mdtm_with_a_time_sets_it(self, control, path):
        assert control.ask(f"MDTM 20050505050505 {path}").text.startswith("213 ")

        assert shown(control, path) == "20050505050505"

    def test_a_file_whose_name_begins_so_is_only_asked_for(self, control, path, folder):
        control.ask(f"CWD {folder}")
        control.put("20050505050505 file", b"x")
        keep(control, "20050505050505 file", "20060606060606")

        assert control.ask("MDTM 20050505050505 file").text == "213 20060606060606"
        assert control.ask("MDTM file").text == f"213 {WHEN}"

    def test_a_reader_sets_nothing(self, connect, path):
        assert connect("reader").ask(f"MDTM 20050505050505 {path}").code == 550


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


# The allocator fails at each allocation in turn.
STARVED = (
    STARVE
    + """
import asyncio, os, sys
from services.ftp.files import times

TABLE = times.TIMES = os.getcwd() + "/.times"
OLD, NEW = os.getcwd() + "/old", os.getcwd() + "/new"


def written(path, content):
    with open(path, "wb") as file:
        file.write(content)


def content():
    with open(TABLE, "rb") as file:
        return file.read()


written(OLD, b"old")
written(NEW, b"new, longer")
written(TABLE, b"")
for number in range(60):
    times.keep(OLD, 1_000_000 + number)
times.keep(NEW, 2_000_000)
before = content()


def time_of(path):
    kept = times.of_folder(os.getcwd())
    return kept.applied(path.rpartition("/")[2], os.stat(OLD))[8]


def run(coro):
    try:
        while True:
            coro.send(None)
    except StopIteration as end:
        return end.value


CALLS = {
    "rename": lambda: run(times.rename(OLD, NEW, OLD)),
    "storing": lambda: times.storing(OLD, OLD),
}
call = CALLS[sys.argv[1]]
failed = done = 0
leave = 0
while done < 20:
    written(TABLE, before)
    result = outcome(call, leave)
    after = content()
    if result == "no memory":
        failed += 1
        assert after == before, leave
    else:
        done += 1
        assert result in (True, None), result
        assert after != before, leave
        if sys.argv[1] == "rename":
            assert time_of(NEW) == 1_000_059, time_of(NEW)
            assert len(after) == len(before) - 20
    leave += 16
print(failed, done)
"""
)


@pytest.mark.parametrize("call", ["rename", "storing"])
def test_wherever_memory_ends_the_table_is_the_old_one_or_the_new_one(micropython, call):
    failed, done = map(int, micropython(STARVED, call, heap="96K").split())

    assert failed > 20, "the allocator failed in the middle of it too"
    assert done == 20


class TestNoMemory:
    """A reply that says that all was done is true also of the time: RNTO, STOR on a full heap."""

    @pytest.mark.parametrize("leave", [16_000, 12_000, 9_000, 7_000, 5_000, 4_000, 3_000])
    def test_rnto_takes_the_time_along_or_does_nothing(
        self, watched_board, connect, heap_eaten, leave
    ):
        session = connect(to=watched_board)
        session.put("/sd/a", b"content")
        keep(session, "/sd/a")
        session.ask("SITE gc")
        with heap_eaten(watched_board, leave):
            said = session.ask("RNFR /sd/a").code
            if said == 350:
                said = session.ask("RNTO /sd/b").code
        session = connect(to=watched_board)
        assert said in (250, 421, 451)
        assert shown(session, "/sd/b" if said == 250 else "/sd/a") == WHEN
        assert session.ask("SIZE /sd/b").code == (213 if said == 250 else 550)
        assert session.ask(f"DELE /sd/{'b' if said == 250 else 'a'}").code == 250
