"""LIST, NLST, MLSD, MLST, MDTM and STAT of a path: formats, flags, globs, long folders."""

import calendar
import os
import re
import shutil
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


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("[ab].py", ["a.py", "b.py"]),
        ("[!a].py", ["b.py"]),
        ("[a-m].py", ["a.py", "b.py"]),
        ("[c-z]*", ["notes.txt", "sub"]),
        ("*.[pt]*", ["a.py", "b.py", "notes.txt"]),
        ("[", []),
        ("[a.py", []),
    ],
)
def test_globs_know_classes(control, filled, pattern, names):
    assert control.ask(f"CWD {filled}").code == 250
    if pattern in ("[",):
        control.put("[", b"x")
        names = ["["]

    assert sorted(control.names(pattern)) == names
    assert sorted(row[3] for row in rows(control.fetch(f"LIST {pattern}"))) == names


@pytest.mark.parametrize("name", ["x[1].txt", "*", "what?"])
def test_a_name_that_exists_is_meant_before_what_it_would_match(control, folder, name):
    control.ask("TYPE I")
    for each in (name, "x1.txt", "what!"):
        control.put(f"{folder}/{each}", b"x")

    assert control.names(f"{folder}/{name}") == [f"{folder}/{name}"]
    assert control.get(f"{folder}/{name}") == b"x"


@pytest.fixture
def tree(control, folder):
    """one/a.py, one/b.txt, two/a.py, two/deep/c.py and top.py in a folder that is the cwd."""
    control.ask("TYPE I")
    assert control.ask(f"CWD {folder}").code == 250
    for name in ("one", "two", "two/deep"):
        assert control.ask(f"MKD {name}").code == 257
    for name in ("top.py", "one/a.py", "one/b.txt", "two/a.py", "two/deep/c.py"):
        control.put(name, name.encode())
    yield folder
    assert control.ask("CWD /").code == 250


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*/a.py", ["one/a.py", "two/a.py"]),
        ("*/*.txt", ["one/b.txt"]),
        ("t*/*", ["two/a.py", "two/deep"]),
        ("*/*/*.py", ["two/deep/c.py"]),
        ("two/*/c.py", ["two/deep/c.py"]),
        ("one/../*/a.py", ["one/a.py", "two/a.py"]),
        ("no*/a.py", []),
    ],
)
def test_globs_in_the_names_of_folders(control, tree, pattern, names):
    assert sorted(control.names(pattern)) == names
    assert sorted(row[3] for row in rows(control.fetch(f"LIST {pattern}"))) == names
    absolute = sorted(control.names(f"{tree}/{pattern}"))
    assert absolute == [f"{tree}/{name}" for name in names]
    for name in absolute:
        if "." in name:
            assert control.get(name) == name[len(tree) + 1 :].encode()


def test_globs_in_more_folders_than_are_searched_are_refused(control):
    control.passive_port()

    assert control.ask("LIST " + "*/" * 40 + "x").code == 550
    assert control.ask("NOOP").code == 200


@pytest.mark.parametrize("flags", ["-l", "-la", "-al", "-a", "-l -a", "-1", "-A", "-l  -a", "-Q"])
def test_flags_of_ls_are_taken(control, filled, flags):
    assert len(rows(control.fetch(f"LIST {flags} {filled}"))) == 4
    assert control.ask(f"CWD {filled}").code == 250
    assert len(rows(control.fetch(f"LIST {flags}"))) == 4


def folders(listing):
    """What LIST -R sent: folder -> the rows behind its heading."""
    found = {}
    for part in listing.decode().split("\r\n\r\n"):
        heading, _, lines = part.partition(":\r\n")
        found[heading] = rows((lines.rstrip("\r\n") + "\r\n").encode()) if lines.strip() else []
    return found


@pytest.mark.parametrize("flags", ["-R", "-lR", "-lRa", "-l -R"])
def test_recursion_lists_each_folder_behind_its_name(control, tree, flags):
    for path, shown in (("", "."), (tree, tree), (f"{tree}/", f"{tree}/"), ("two", "two")):
        listed = folders(control.fetch(f"LIST {flags} {path}".rstrip()))

        base = shown.rstrip("/")
        if path == "two":
            assert list(listed) == ["two", "two/deep"]
            continue
        assert sorted(listed) == sorted([shown, f"{base}/one", f"{base}/two", f"{base}/two/deep"])
        assert sorted(row[3] for row in listed[shown]) == ["one", "top.py", "two"]
        assert sorted(row[3] for row in listed[f"{base}/two"]) == ["a.py", "deep"]
        assert [row[3] for row in listed[f"{base}/two/deep"]] == ["c.py"]


def test_clients_show_and_use_it(control, tree, program):
    login = ["-u", "admin", "-p", "secret", "-P", control.port]
    shown = program("ncftpls", *login, "-R", f"ftp://127.0.0.1{tree}/").stdout
    assert "./two/deep:\n" in shown
    assert len(UNIX_LINE.findall(shown)) == 8

    script = f"ls -R {tree}; exit"
    shown = program("lftp", "-u", "admin,secret", "-p", control.port, "-e", script, "127.0.0.1")
    assert f"\n{tree}/two/deep:\n" in shown.stdout

    (program.folder / "one").mkdir()
    (program.folder / "two").mkdir()
    script = f"user admin secret\ncd {tree}\nprompt\nmget */[ab].py\nquit\n"
    program("tnftp", "-n", "127.0.0.1", control.port, text=script)
    assert (program.folder / "two/a.py").read_bytes() == b"two/a.py"


def test_recursion_of_a_file_is_its_line(control, tree):
    assert [row[3] for row in rows(control.fetch("LIST -R top.py"))] == ["top.py"]


def test_recursion_ends_at_a_depth_and_says_so(control, board):
    deep = board.card / "deep"
    (deep / "/".join("abcdefghijklmnopqrst")).mkdir(parents=True)
    sock = control.begin("LIST -R /sd/deep")

    listed = control.rest(sock).decode()

    assert control.reply().text == "226 Listing sent, without what lies deeper than 16 folders."
    assert "/sd/deep/" + "/".join("abcdefghijklmnop") + ":" in listed
    assert "/q:" not in listed
    shutil.rmtree(deep)


def test_names_alone_are_not_listed_recursively(control, tree):
    assert sorted(control.names("-R")) == ["one", "top.py", "two"]


@pytest.fixture
def aged(control, board):
    """Three files of the card, of different times."""
    folder = board.card / "aged"
    folder.mkdir()
    for age, name in enumerate(("b", "c", "a")):
        (folder / name).touch()
        os.utime(folder / name, (1_790_000_000 - age * 5000,) * 2)
    yield "/sd/aged"
    shutil.rmtree(folder)


@pytest.mark.parametrize(("flags", "order"), [("-t", "bca"), ("-ltr", "acb"), ("-tra", "acb")])
def test_the_order_of_time(control, aged, flags, order):
    assert "".join(row[3] for row in rows(control.fetch(f"LIST {flags} {aged}"))) == order
    assert "".join(control.names(f"{flags} {aged}")) == order
    globbed = control.names(f"{flags} {aged}/*")
    assert globbed == [f"{aged}/{name}" for name in order]
    listed = folders(control.fetch(f"LIST {flags}R {aged}"))
    assert "".join(row[3] for row in listed[aged]) == order


def test_too_many_to_sort_come_as_they_are_and_the_reply_says_so(control, board):
    folder = board.card / "toomany"
    folder.mkdir()
    names = [f"{number:04}" for number in range(300)]
    for name in names:
        (folder / name).touch()
    sock = control.begin("LIST -t /sd/toomany")

    assert sorted(row[3] for row in rows(control.rest(sock))) == names
    assert control.reply().text == "226 Listing sent; too many entries to sort by time."
    shutil.rmtree(folder)


def test_the_folder_itself(control, tree):
    assert [row[0::3] for row in rows(control.fetch("LIST -d two"))] == [("d", "two")]
    assert [row[0::3] for row in rows(control.fetch("LIST -ld"))] == [("d", ".")]
    assert sorted(control.names("-d *")) == ["one", "top.py", "two"]


def test_folders_are_marked(control, tree):
    assert sorted(row[3] for row in rows(control.fetch("LIST -F"))) == ["one/", "top.py", "two/"]
    assert sorted(control.names("-CF")) == ["one/", "top.py", "two/"]


@pytest.mark.parametrize("line", ["-- -x", "./-x", "-l -- -x"])
def test_a_name_like_a_flag_can_be_listed(control, folder, line):
    assert control.ask(f"CWD {folder}").code == 250
    control.put("-x", b"x")
    control.put("y", b"x")

    assert [row[3] for row in rows(control.fetch(f"LIST {line}"))] == ["-x"]
    assert control.ask("CWD /").code == 250


def test_what_a_reader_may_not_see_is_in_no_listing(connect, control, tree):
    control.put(".hidden", b"x")
    assert control.ask("MKD .dir").code == 257
    control.put(".dir/inner.py", b"x")
    reader = connect("reader")

    assert ".hidden" in control.names(f"{tree}")
    for command in ("LIST -aR", "LIST -at", "NLST -a", "MLSD", "LIST"):
        assert b"hidden" not in reader.fetch(f"{command} {tree}"), command
        assert b".dir" not in reader.fetch(f"{command} {tree}"), command
    assert b"inner" not in reader.fetch(f"LIST {tree}/*/*.py")
    assert "hidden" not in reader.ask(f"STAT {tree}").text


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
    assert date == time.strftime("%b %e %H:%M", time.gmtime(modified))


def test_a_name_that_is_no_utf_8_keeps_no_other_from_being_listed(control, connect, board):
    odd = os.fsencode(board.card) + b"/odd-\xff.txt"
    plain = board.card / "odd-1.txt"
    for path in (odd, plain):
        with open(path, "wb"):
            pass
    try:
        # Where names are only passed on they are what the card has; who has to look at them can't.
        assert b"odd-\xff.txt\r\n" in control.fetch("NLST /sd")
        assert b"odd-1.txt" in control.fetch("LIST /sd")
        assert control.names("/sd/odd-*") == ["/sd/odd-1.txt"]
        assert connect("reader").names("/sd/odd-*") == ["/sd/odd-1.txt"]
    finally:
        os.remove(odd)
        plain.unlink()


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


# An application that mounts a file system, as LittleFS shows itself, which counts stat().
COUNTER = """
import asyncio, vfs

FILES = [(b"%d.csv" % n, 0x8000, 0, n) for n in range(60)]
FOLDERS = [(b"folder%d" % n, 0x4000, 0, 0) for n in range(5)]


class Counting:
    def __init__(self, section):
        self.section = section

    def mount(self, readonly, mkfs):
        pass

    def ilistdir(self, path):
        return iter(FILES + FOLDERS)

    def stat(self, path):
        path = path if isinstance(path, str) else path.decode()
        if path in ("", "/"):
            return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        self.section["stats"] = self.section.get("stats", 0) + 1
        for name, kind, _, size in FILES + FOLDERS:
            if path == "/" + name.decode():
                return (kind, 0, 0, 0, 0, 0, size, 0, 820454400, 0)
        raise OSError(2)


async def run(status, events):
    vfs.mount(Counting(status.section("app")), "/many")
    await asyncio.Event().wait()
"""


@pytest.fixture(scope="module")
def counting(power_up):
    """A board with a folder of 60 files and 5 folders, whose file system counts stat()."""
    return power_up(sections={"app": "counter"}, files={"/counter.py": COUNTER})


@pytest.mark.parametrize(
    ("command", "facts", "stats"),
    [
        ("NLST", None, 0),
        ("MLSD", "type;size;perm;unique;", 0),
        ("MLSD", "type;modify;", 60),  # LittleFS has no times of folders
        ("LIST", None, 60),
        ("NLST -F", None, 0),
    ],
)
def test_only_times_of_files_are_asked_for_one_by_one(connect, counting, command, facts, stats):
    control = connect(to=counting)

    def count():
        found = re.search(r"stats (\d+)", control.ask("STAT").text)
        return int(found[1]) if found else 0

    if facts:
        control.ask(f"OPTS MLST {facts}")
    before = count()
    assert len(control.fetch(f"{command} /many").splitlines()) == 65
    assert count() - before == stats


def test_mlsd_without_times_tells_sizes_and_kinds(connect, counting):
    control = connect(to=counting)
    control.ask("OPTS MLST type;size;")
    lines = control.fetch("MLSD /many").decode().splitlines()

    expected = {f"type=file;size={number}; {number}.csv" for number in range(60)}
    assert set(lines) == expected | {f"type=dir; folder{number}" for number in range(5)}
    assert "type=dir; sd" in control.fetch("MLSD /").decode().splitlines(), "a mount point"


# FTP by itself, as a board with little memory would run it.
FTP_ALONE = {"log": None, "network": None, "time": None, "update": None}
MANY = [f"reading-{number:04}.csv" for number in range(4000)]


def with_many_files(board):
    folder = board.card / "many"
    folder.mkdir()
    for name in MANY:
        (folder / name).write_text("x")
    return board


@pytest.fixture(scope="module")
def small_board(power_up):
    """A board with FTP alone in a heap of 116 KiB, and 4,000 files on its card."""
    return with_many_files(power_up(heap="116K", sections=FTP_ALONE))


@pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD"])
def test_a_folder_of_4000_files_is_listed_in_a_small_heap(connect, small_board, verb):
    control = connect(to=small_board)

    lines = control.fetch(f"{verb} /sd/many").decode().splitlines()

    assert sorted(line.split()[-1] for line in lines) == MANY
    assert "MemoryError" not in small_board.console


def test_a_glob_picks_among_4000_files(connect, small_board):
    control = connect(to=small_board)

    assert len(control.names("/sd/many/reading-19??.csv")) == 100


def test_stat_lists_4000_files_over_the_control_connection(connect, power_up):
    board = with_many_files(power_up())

    reply = connect(to=board).ask("STAT /sd/many")

    assert len(reply.lines) == 4002


def test_a_section_that_is_null_turns_its_service_off(connect, small_board):
    lines = connect(to=small_board).ask("STAT").lines

    for name in FTP_ALONE:
        assert any(line.split() == [f"211-{name}", "off"] for line in lines), lines
