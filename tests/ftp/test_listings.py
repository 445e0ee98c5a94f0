"""LIST, NLST, MLSD, MLST, MDTM and STAT of a path: formats, flags, globs, long folders."""

import calendar
import re
import time

import pytest

UNIX_LINE = re.compile(
    r"([d-])[rwx-]{9} +1 +\S+ +\S+ +(\d+) ([A-Z][a-z]{2} [ \d]\d (?: \d{4}|\d\d:\d\d)) (.+)"
)
FACTS = re.compile(r"((?:[a-z]+=[^;]*;)+) (.+)")


@pytest.fixture
def filled(control, folder):
    """A folder with a.py, b.py, notes.txt and the folder sub."""
    for name in ("a.py", "b.py", "notes.txt"):
        control.put(f"{folder}/{name}", name.encode())
    assert control.ask(f"MKD {folder}/sub").code == 257
    return folder


def rows(listing):
    """LIST's lines as (kind, size, date, name)."""
    lines = listing.decode().split("\r\n")
    assert lines.pop() == "", "each line ends in CRLF"
    found = [UNIX_LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    return [match.groups() for match in found]


def test_list_of_a_folder_is_ls_l(control, filled):
    listed = rows(control.fetch(f"LIST {filled}"))

    assert sorted((kind, size, name) for kind, size, _, name in listed) == [
        ("-", "4", "a.py"),
        ("-", "4", "b.py"),
        ("-", "9", "notes.txt"),
        ("d", "0", "sub"),
    ]


def test_list_of_a_file_is_its_line(control, filled):
    assert [row[3] for row in rows(control.fetch(f"LIST {filled}/a.py"))] == ["a.py"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.py", ["a.py", "b.py"]),
        ("?.py", ["a.py", "b.py"]),
        ("*", ["a.py", "b.py", "notes.txt", "sub"]),
        ("*t*", ["notes.txt"]),
        ("b*", ["b.py"]),
        ("*.none", []),
    ],
)
def test_globs_in_list_and_nlst(control, filled, pattern, names):
    assert control.ask(f"CWD {filled}").code == 250

    assert sorted(row[3] for row in rows(control.fetch(f"LIST {pattern}"))) == names
    assert sorted(control.names(pattern)) == names


def test_nlst_keeps_the_folder_that_was_asked_for_as_mget_needs(control, filled):
    assert control.ask("CWD /").code == 250

    names = sorted(control.names(f"{filled[1:]}/*.py"))

    assert names == [f"{filled[1:]}/a.py", f"{filled[1:]}/b.py"]
    assert control.get(names[0]) == b"a.py"


@pytest.mark.parametrize("flags", ["-l", "-la", "-al", "-a", "-l -a"])
def test_flags_of_ls_are_taken(control, filled, flags):
    assert len(rows(control.fetch(f"LIST {flags} {filled}"))) == 4
    assert control.ask(f"CWD {filled}").code == 250
    assert len(rows(control.fetch(f"LIST {flags}"))) == 4


def test_a_file_of_now_has_its_time_in_list_mdtm_and_mlst(control, folder):
    before = int(time.time())
    control.put(f"{folder}/now", b"x")
    after = time.time()

    stamp = control.ask(f"MDTM {folder}/now").text
    assert re.fullmatch(r"213 \d{14}", stamp)
    modified = calendar.timegm(time.strptime(stamp[4:], "%Y%m%d%H%M%S"))
    assert before <= modified <= after
    assert f"modify={stamp[4:]};" in control.ask(f"MLST {folder}/now").text
    date = rows(control.fetch(f"LIST {folder}/now"))[0][2]
    assert date == time.strftime("%b %d %H:%M", time.gmtime(modified)).replace(" 0", "  ", 1)


def test_mlsd_has_the_facts_of_rfc_3659(control, filled):
    lines = control.fetch(f"MLSD {filled}").decode().split("\r\n")
    assert lines.pop() == ""
    entries = {}
    for line in lines:
        facts, name = FACTS.fullmatch(line).groups()
        entries[name] = dict(fact.split("=") for fact in facts[:-1].split(";"))

    assert set(entries) == {"a.py", "b.py", "notes.txt", "sub"}
    assert entries["notes.txt"]["type"] == "file"
    assert entries["notes.txt"]["size"] == "9"
    assert re.fullmatch(r"\d{14}", entries["notes.txt"]["modify"])
    assert entries["notes.txt"]["perm"] == "adfrw"
    assert entries["sub"]["type"] == "dir"
    assert set(entries["sub"]["perm"]) >= set("cdelmp")
    assert "size" not in entries["sub"]


def test_a_reader_is_told_that_it_may_only_read(connect, filled):
    line = connect("reader").fetch(f"MLSD {filled}").decode().splitlines()[0]

    assert "perm=r;" in line


def test_mlst_tells_of_one_entry_on_the_control_connection(control, filled):
    reply = control.ask(f"MLST {filled}/notes.txt")

    assert reply.lines[0].startswith("250-")
    assert reply.lines[-1] == "250 End."
    assert re.fullmatch(rf" type=file;size=9;.*; {filled}/notes\.txt", reply.lines[1])
    assert "type=dir;" in control.ask(f"MLST {filled}").text
    assert "type=dir;" in control.ask("MLST").text, "without a path: where one is"


def test_stat_of_a_path_lists_without_a_data_connection(control, filled):
    reply = control.ask(f"STAT {filled}")

    names = {UNIX_LINE.search(line)[4] for line in reply.lines[1:-1]}
    assert names == {"a.py", "b.py", "notes.txt", "sub"}
    assert len(control.ask(f"STAT {filled}/*.py").lines) == 4


@pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD"])
def test_an_empty_folder_is_an_empty_listing(control, folder, verb):
    assert control.fetch(f"{verb} {folder}") == b""


def test_the_root_and_nested_folders_list_alike(control, folder):
    assert control.ask(f"MKD {folder}/a").code == 257
    assert control.ask(f"MKD {folder}/a/b").code == 257
    control.put(f"{folder}/a/b/deep", b"x")

    assert folder[1:] in control.names("/")
    assert control.names(f"{folder}//a/./b/../b/") == ["deep"]


def test_an_upload_under_way_is_in_no_listing(control, connect, folder, wait_for):
    uploader = connect()
    sock = uploader.begin(f"STOR {folder}/coming")
    sock.sendall(b"half")
    wait_for(lambda: "4 bytes so far" in uploader.ask("STAT").text, "the first half")

    for verb in ("LIST -a", "NLST", "MLSD"):
        assert control.fetch(f"{verb} {folder}") == b"", verb
    assert control.names(f"{folder}/*") == []
    assert control.names(f"{folder}/.*") == []
    assert len(control.ask(f"STAT {folder}").lines) == 2

    sock.close()
    assert uploader.reply().code == 226
    assert control.names(folder) == ["coming"]


# FTP by itself, as a board with little memory would run it.
FTP_ALONE = {"log": None, "network": None, "time": None}
MANY = [f"reading-{number:04}.csv" for number in range(2000)]


def with_many_files(board):
    folder = board.card / "many"
    folder.mkdir()
    for name in MANY:
        (folder / name).write_text("x")
    return board


@pytest.fixture(scope="module")
def small_board(power_up):
    """A board with FTP alone in a heap of 64 KiB, and 2,000 files on its card."""
    return with_many_files(power_up(heap="64wK", sections=FTP_ALONE))


@pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD"])
def test_a_folder_of_2000_files_is_listed_in_a_small_heap(connect, small_board, verb):
    control = connect(to=small_board)

    lines = control.fetch(f"{verb} /sd/many").decode().splitlines()

    assert sorted(line.split()[-1] for line in lines) == MANY
    assert "MemoryError" not in small_board.console


def test_a_glob_picks_among_2000_files(connect, small_board):
    control = connect(to=small_board)

    assert len(control.names("/sd/many/reading-19??.csv")) == 100


def test_stat_lists_2000_files_over_the_control_connection(connect, power_up):
    board = with_many_files(power_up())

    reply = connect(to=board).ask("STAT /sd/many")

    assert len(reply.lines) == 2002


def test_a_section_that_is_null_turns_its_service_off(connect, small_board):
    lines = connect(to=small_board).ask("STAT").lines

    for name in FTP_ALONE:
        assert any(line.split() == [f"211-{name}", "off"] for line in lines), lines
