"""tnftp at a terminal: the seed's sample session typed line by line, then its other commands."""

import calendar
import os
import re
import time

import pexpect
import pyte
import pytest

PROMPT = "ftp> "
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b=|\x1b>")


class Terminal:
    """A person at tnftp: type() a line, read the answer."""

    def __init__(self, program, port, *options, user="admin", password="secret", size=(100, 200)):
        self._child = pexpect.spawn(
            program.find("tnftp"),
            [*options, "127.0.0.1", str(port)],
            cwd=str(program.folder),
            env=program.environment,
            encoding="utf-8",
            timeout=20,
            dimensions=size,
        )
        self._size = size
        self._child.expect(r"Name \(127\.0\.0\.1:\S*\): ")
        self.welcome = self._child.before
        self._child.sendline(user)
        self._child.expect("Password:")
        self.welcome += self._child.before
        self._child.sendline(password)
        self._child.expect(PROMPT)
        self.welcome += self._child.before

    def type(self, line):
        """Type a line; what comes until the next prompt, without the echo."""
        self._child.sendline(line)
        self._child.expect_exact(PROMPT)
        self._answer = self._child.before
        answer = ANSI.sub("", self._answer).replace("\r", "")
        return answer.partition("\n")[2]

    def see(self, line):
        """Type a line; the rows that a terminal of this size then shows, until the prompt."""
        self.type(line)
        rows, columns = self._size
        screen = pyte.Screen(columns, rows)
        pyte.Stream(screen).feed(self._answer)
        return [row.rstrip() for row in screen.display if row.strip()][1:]

    def begin(self, line):
        """Type a line that takes its time."""
        self._child.sendline(line)
        self._child.expect("150 ")

    def interrupt(self):
        """Press Ctrl-C and wait for the prompt."""
        self._child.sendintr()
        self._child.expect_exact(PROMPT)

    def quit(self):
        """Type quit; what comes until the program ends."""
        self._child.sendline("quit")
        self._child.expect(pexpect.EOF)
        self._child.close()
        assert self._child.exitstatus == 0
        return self._child.before

    def close(self):
        self._child.close(force=True)


@pytest.fixture
def terminal(program, board):
    """Log in at a terminal: (*options of tnftp, to=board) -> Terminal."""
    opened = []

    def open_one(*options, to=board, **who):
        opened.append(Terminal(program, to.port, *options, **who))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_the_sample_session_with_real_dates(terminal, control):
    control.ask("MKD /pub")
    control.put("/pub/test.txt", b"This is a test file.\r\n")
    today = time.strftime("%b %d", time.gmtime()).replace(" 0", "  ")

    person = terminal()
    assert "220 desk: Outpost" in person.welcome
    assert "331 Password required for admin." in person.welcome
    assert "230 admin logged in" in person.welcome
    assert "Remote system type is UNIX." in person.welcome
    assert "Using binary mode to transfer files." in person.welcome

    assert "Remote directory: /" in person.type("pwd")
    listing = person.type("ls")
    assert re.search(rf"^-rw\S+ +1 +root +root +\d+ {today} \d\d:\d\d boot\.py$", listing, re.M)
    assert re.search(r"^drwx\S+ +1 +root +root +0 .* pub$", listing, re.M)
    assert "226 " in listing

    assert "250 Working directory changed to: /pub" in person.type("cd /pub")
    assert re.search(rf" 21 {today} \d\d:\d\d test\.txt$", person.type("ls"), re.M)
    assert "This is a test file." in person.type("less test.txt")

    assert re.search(r"^211-flash +6144KiB +\d+KiB +\d+KiB +\d+%$", person.type("site df"), re.M)
    assert re.search(r"^211-Mem: +\d+KiB +\d+KiB +\d+KiB$", person.type("site free"), re.M)
    assert re.search(r"^211 Additional \d+KiB available\.$", person.type("site gc"), re.M)

    rstat = person.type("rstat")
    for said in (
        r"Outpost \d",
        r"Connected to: desk",
        r"Logged in as: admin",
        r"TYPE: I, FORM: Nonprint; STRUcture: File; transfer MODE: Stream",
        r"ftp +running",
        r"boots 1",
        r"reset cause power-on",
        r"longest stall \d+ ms",
        r"heap +free \d+ KiB",
        r"flash +free \d+ KiB",
        r"transfers \d+",
        r"time +running.*clock",
    ):
        assert re.search(rf"^211-.*{said}", rstat, re.M), (said, rstat)

    assert "221 Bye, admin." in person.quit()


def test_rstat_in_eighty_columns(program, power_up, terminal):
    """Health first, a line a service in columns; texts are broken between words, no row wraps."""
    board = power_up(sections={"telemetry": {"broker": "mqtt://127.0.0.1:1"}})
    board.wait_console("telemetry/down")
    rows = terminal(to=board, size=(60, 80)).see("rstat")

    assert all(re.match("211[- ]", row) for row in rows), "\n".join(rows)
    assert rows[0].startswith("211-System date: ")
    assert re.fullmatch(r"211-Uptime: 0 days, 00:\d\d", rows[1])
    assert rows[2:4] == ["211-Number of users: 1", "211-Health: look below"]
    assert "211-! telemetry: nobody listens there (ECONNREFUSED)" in rows[4:7]
    assert any(row.startswith("211-! config: ftp.users.jailed.root: ") for row in rows[4:7])
    sections = rows[rows.index(next(row for row in rows if row.startswith("211-board"))) :]
    assert all(re.match("211-([a-z]+ +| {11})", row[:15]) for row in sections[:-1]), rows
    assert sections[-1] == "211 End."


@pytest.mark.parametrize("options", [(), ("-A",), ("-p",)], ids=["default", "active", "passive"])
def test_put_and_get(terminal, program, folder, options):
    (program.folder / "up").write_bytes(bytes(range(256)) * 200)
    person = terminal(*options)
    person.type(f"cd {folder}")

    assert "226 Stored, 51200 bytes." in person.type("put up")
    assert "226 Transfer complete." in person.type("get up down")

    assert (program.folder / "down").read_bytes() == bytes(range(256)) * 200


def test_mput_and_mget(terminal, program, folder, control):
    for name in ("one.txt", "two.txt", "three.bin"):
        (program.folder / name).write_text(name)
    person = terminal("-i")
    person.type(f"cd {folder}")

    person.type("mput *.txt three.bin")
    assert sorted(control.names(folder)) == ["one.txt", "three.bin", "two.txt"]
    (program.folder / "down").mkdir()
    person.type("lcd down")
    person.type("mget *.txt")

    assert sorted(path.name for path in (program.folder / "down").iterdir()) == [
        "one.txt",
        "two.txt",
    ]


def test_what_else_people_type(terminal, program, folder, control):
    (program.folder / "a").write_text("one\ntwo\n")
    person = terminal()
    person.type(f"cd {folder}")

    assert "257 " in person.type("mkdir sub")
    person.type("ascii")
    assert "226 " in person.type("put a")
    person.type("binary")
    assert control.get(f"{folder}/a") == b"one\ntwo\n"
    assert re.search(r"\b8$", person.type("size a"), re.M)
    assert time.strftime("%d %b %Y", time.gmtime()) in person.type("modtime a")
    assert "226 " in person.type("append a a")
    assert "250 " in person.type("rename a sub/b")
    assert "type=file;size=16" in person.type("mlst sub/b").lower()
    assert "b" in person.type("nlist sub")
    assert "250 " in person.type("delete sub/b")
    assert "250 " in person.type("rmdir sub")
    assert "215 UNIX" in person.type("system")
    assert "214" in person.type("rhelp")
    assert "200 " in person.type("quote NOOP")
    assert "550" in person.type("get nosuch")
    assert "211-" in person.type("features") or "MDTM" in person.type("features")
    assert control.names(folder) == []


def test_an_interrupted_download_goes_on(terminal, program, folder, control):
    whole = bytes(range(256)) * 200
    control.ask("TYPE I")
    control.put(f"{folder}/file", whole)
    (program.folder / "file").write_bytes(whole[:20_000])
    person = terminal()
    person.type(f"cd {folder}")

    assert "31200 bytes received" in person.type("reget file")

    assert (program.folder / "file").read_bytes() == whole


def test_newer_fetches_only_what_is_newer(terminal, program, folder, control):
    control.put(f"{folder}/file", b"the board's")
    (program.folder / "file").write_bytes(b"the one here")
    os.utime(program.folder / "file", (4_000_000_000, 4_000_000_000))
    person = terminal()
    person.type(f"cd {folder}")

    assert "is newer than remote file" in person.type("newer file")
    assert (program.folder / "file").read_bytes() == b"the one here"

    os.utime(program.folder / "file", (0, 0))
    assert "226 " in person.type("newer file")
    assert (program.folder / "file").read_bytes() == b"the board's"


def test_a_download_has_the_files_time(terminal, program, folder, control):
    control.put(f"{folder}/file", b"x")
    person = terminal()
    person.type(f"get {folder}/file file")

    said = re.search(r"\w{3}, (.*) \+0000", person.type(f"modtime {folder}/file"))[1]
    when = calendar.timegm(time.strptime(said, "%d %b %Y %H:%M:%S"))
    assert (program.folder / "file").stat().st_mtime == when


def test_permissions_are_noted_and_more_lists(terminal, program, folder, control):
    control.put(f"{folder}/file", b"x")
    person = terminal("-i")
    person.type(f"cd {folder}")

    assert "200 " in person.type("chmod 644 file")
    assert "200 " in person.type("umask 022")
    person.type("mls *.nosuch f* names")
    assert (program.folder / "names").read_text() == "file\n"
    person.type("mdir . listing")
    assert (program.folder / "listing").read_text().endswith(" file\n")
    assert "type=file;size=1;" in person.type("mlsd")
    assert " 1 " in person.type("rstatus file")
    person.type("epsv4")
    assert "227 " in person.type("ls")
    person.type("mdelete f*")
    assert control.names(folder) == []


def test_names_with_spaces(terminal, program, folder, control):
    (program.folder / "my file").write_text("x")
    person = terminal()
    person.type(f'mkdir "{folder}/my folder"')
    person.type(f'cd "{folder}/my folder"')

    assert "226 " in person.type('put "my file"')
    assert "226 " in person.type('get "my file" back')

    assert control.names(f"{folder}/my folder") == ["my file"]
    assert (program.folder / "back").read_text() == "x"


def test_urls_without_a_prompt(program, board, folder):
    base = f"ftp://admin:secret@127.0.0.1:{board.port}{folder}"
    (program.folder / "up").write_bytes(b"one\n")

    program("tnftp", "-u", f"{base}/file", "up")
    program("tnftp", "-o", "down", f"{base}/file")

    assert (program.folder / "down").read_bytes() == b"one\n"


def test_ctrl_c_aborts_a_download_and_the_session_goes_on(terminal, control, board, wait_for):
    """tnftp sends IAC IP and, as urgent data, IAC DM before its ABOR."""
    with (board.card / "long").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    person = terminal()
    person.type("rate get 100k")
    person.begin("get /sd/long /dev/null")
    wait_for(lambda: "RETR /sd/long" in control.ask("SITE who").text, "the download")

    person.interrupt()

    wait_for(lambda: "RETR" not in control.ask("SITE who").text, "the end of the download")
    assert "Remote directory: /" in person.type("pwd")
    assert "226 " in person.type("ls")
    assert "221 " in person.quit()
    (board.card / "long").unlink()
