"""RFC 959 and 1123: every verb gets one reply in every state; STOU, HELP, STAT, ALLO, names."""

import contextlib
import re
import socket

import pytest
from outpost import bundle

TABLE = (bundle.tree_root() / "services/ftp/commands/__init__.py").read_text()
VERBS = re.findall(r" ([A-Z]{3,4}):[a-z]*(?=[ \"])", TABLE)
NOT_HERE = ["SMNT", "ADAT", "MIC", "CONF", "ENC", "XYZZY"]
ARGUMENTS = ["", "x", "/nosuch", "1", "-1", " "]
DURING = {"ABOR", "STAT", "NOOP"}  # what need not wait for a transfer's end

# RFC 959 section 5.4, with what later RFCs add: 1123 (STOU's 150), 2228 and 4217 (AUTH to CCC),
# 2389 (FEAT, OPTS), 2428 (EPSV, EPRT), 3659 (SIZE to MLST). What is permitted to each verb comes
# on top. 550 for a listing of nothing and 552 for ALLO say more than the RFC's 450 and 504, and
# no client tries them again.
ANY = {421, 500, 501, 530, 451}
CODES = {
    "USER": {230, 331, 332},
    "PASS": {202, 230, 332, 503},
    "ACCT": {202, 230, 503},
    "CWD": {250, 502, 550},
    "CDUP": {200, 250, 502, 550},
    "REIN": {120, 220, 502},
    "QUIT": {221},
    "PORT": {200},
    "PASV": {227, 502},
    "MODE": {200, 504},
    "TYPE": {200, 504},
    "STRU": {200, 504},
    "ALLO": {200, 504, 552},
    "REST": {350, 502},
    "STOR": {425, 450, 452, 550, 552, 553},
    "STOU": {425, 450, 452, 550, 552, 553},
    "APPE": {425, 450, 452, 502, 550, 552, 553},
    "RETR": {425, 450, 550},
    "LIST": {425, 450, 502, 550},
    "NLST": {425, 450, 502, 550},
    "STAT": {211, 212, 213, 450, 502, 550},
    "RNFR": {350, 450, 502, 550},
    "RNTO": {250, 502, 503, 550, 553},
    "DELE": {250, 450, 502, 550},
    "RMD": {250, 502, 550},
    "MKD": {257, 502, 550},
    "PWD": {257, 502, 550},
    "ABOR": {225, 226, 502},
    "SYST": {215, 502},
    "HELP": {211, 214, 502},
    "SITE": {200, 202, 211, 214, 502, 504, 550},
    "NOOP": {200},
    "FEAT": {211},
    "OPTS": {200},
    "EPSV": {200, 229, 522},
    "EPRT": {200, 522},
    "AUTH": {234, 334, 431, 502, 503, 504, 534},
    "PBSZ": {200, 503},
    "PROT": {200, 503, 504, 534, 536},
    "CCC": {200, 502, 533, 534},
    "SIZE": {213, 550},
    "MDTM": {213, 550},
    "MLST": {250, 550},
    "MLSD": {425, 550},
}
CODES |= {f"X{verb}": CODES[verb] for verb in ("CWD", "MKD", "PWD", "RMD")}
CODES["XCUP"] = CODES["CDUP"]


def finals(control, count):
    """The next `count` final replies: 1xx are on their way to one."""
    found = []
    while len(found) < count:
        reply = control.reply()
        if reply.code >= 200:
            found.append(reply)
    return found


def left(control):
    """What the board still says after a QUIT."""
    with contextlib.suppress(ConnectionError):
        while True:
            finals(control, 1)
            yield


def check(verb, argument, reply):
    """The form of a reply, and its code where an RFC lists them."""
    assert re.match(r"[1-5]\d\d[ -]", reply.lines[0]), reply
    assert reply.lines[-1].startswith(f"{reply.code} "), reply
    if verb in CODES:
        assert reply.code in CODES[verb] | ANY, (verb, argument, reply)


def test_the_table_is_read(connect):
    assert len(VERBS) > 50
    assert set(connect().ask("HELP").text.split()) >= set(VERBS)


@pytest.mark.parametrize("verb", VERBS + NOT_HERE)
def test_before_a_login_each_verb_gets_one_reply(connect, verb):
    for argument in ARGUMENTS:
        control = connect(None)
        line = f"{verb} {argument}" if argument else verb
        if verb == "QUIT":
            check(verb, argument, control.ask(line))
            assert len(list(left(control))) == 0
            continue
        control.send(f"{line}\r\nNOOP\r\n".encode())
        reply, noop = finals(control, 2)

        check(verb, argument, reply)
        assert noop.text == "200 Take your time."
        control.close()


@pytest.mark.parametrize("verb", VERBS + NOT_HERE)
def test_after_a_login_each_verb_gets_one_reply(connect, folder, verb):
    control = connect()
    for argument in ARGUMENTS:
        if verb in ("USER", "REIN", "QUIT"):
            control = connect()
        assert control.ask(f"CWD {folder}").code == 250
        line = f"{verb} {argument}" if argument else verb
        control.send(f"{line}\r\nNOOP\r\n".encode())
        if verb == "QUIT":
            assert control.reply().code == 221
            assert len(list(left(control))) == 0
            continue
        reply, noop = finals(control, 2)

        check(verb, argument, reply)
        assert noop.text == "200 Take your time."


@pytest.mark.parametrize("verb", VERBS + NOT_HERE)
def test_during_a_transfer_each_verb_gets_one_reply(connect, folder, verb):
    control = connect()
    assert control.ask(f"CWD {folder}").code == 250
    sock = control.begin("STOR file")
    sock.sendall(b"x" * 10)

    control.send(f"{verb} x\r\nNOOP\r\n".encode())
    if verb in DURING:  # at once, the transfer goes on
        replies = finals(control, 2 if verb == "ABOR" else 1)
        sock.close()
        replies += finals(control, 1 if verb == "ABOR" else 2)
    else:
        sock.close()
        replies = finals(control, 2 if verb == "QUIT" else 3)
    if verb == "QUIT":
        assert [reply.code for reply in replies] == [226, 221]
        assert len(list(left(control))) == 0
        return

    codes = [reply.code for reply in replies]
    assert [reply.text for reply in replies].count("200 Take your time.") == 1 + (verb == "NOOP")
    assert (426 if verb == "ABOR" else 226) in codes
    assert control.ask("NOOP").text == "200 Take your time.", "nothing is left over"


class TestUniqueNames:
    """STOU (RFC 959 section 4.1.3, RFC 1123 section 4.1.2.9)."""

    def stou(self, control, command, content):
        """(the name that the board chose, the final reply)"""
        with control.data() as sock:
            reply = control.ask(command)
            name = re.fullmatch(r"150 FILE: (\S+)", reply.text)
            assert name, reply
            sock.sendall(content)
        return name[1], control.reply()

    def test_each_gets_a_name_that_was_free(self, control, folder):
        assert control.ask(f"CWD {folder}").code == 250
        contents = {}
        for command in ("STOU", "STOU", "STOU mine.txt", "STOU mine.txt", "STOU"):
            name, reply = self.stou(control, command, command.encode() + b"%d" % len(contents))
            assert reply.code == 226
            assert name not in contents
            contents[name] = command.encode() + b"%d" % len(contents)

        assert "mine.txt" in contents
        assert sorted(control.names("")) == sorted(contents)
        for name, content in contents.items():
            assert control.get(name) == content

    def test_two_at_once_get_two_names(self, connect, folder):
        names = []
        sessions = [connect(), connect("writer")]
        socks = []
        for session in sessions:
            assert session.ask(f"CWD {folder}").code == 250
            socks.append(session.data())
            names.append(session.ask("STOU both").text.split("FILE: ")[1])
        for session, sock in zip(sessions, socks, strict=True):
            sock.close()
            assert session.reply().code == 226

        assert names == ["both", "both.1"]

    def test_a_path_goes_too(self, control, folder):
        name, reply = self.stou(control, f"STOU {folder}/deep", b"x")

        assert (name, reply.code) == ("deep", 226)
        assert control.names(folder) == ["deep"]

    def test_one_that_is_aborted_leaves_nothing(self, control, folder):
        assert control.ask(f"CWD {folder}").code == 250
        control.begin("STOU").sendall(b"half")
        control.send("ABOR")

        assert control.reply().code == 426
        assert control.reply().code == 226
        assert control.names("") == []

    def test_it_needs_the_right_to_write_and_a_data_connection(self, connect):
        assert connect("reader").ask("STOU").code == 550
        assert connect().ask("STOU").code == 425

    def test_tnftp_stores_twice_and_overwrites_nothing(self, control, folder, program):
        (program.folder / "file").write_text("content")
        port = control.port
        script = f"user admin secret\ncd {folder}\nsunique\nput file\nput file\nquit\n"

        program("tnftp", "-n", "127.0.0.1", port, text=script)

        assert sorted(control.names(folder)) == ["file", "file.1"]


class TestHelp:
    @pytest.mark.parametrize("verb", sorted({*VERBS} - {"SITE"}))
    def test_it_explains_each_command_in_one_line(self, control, verb):
        reply = control.ask(f"HELP {verb}")

        assert re.fullmatch(rf"214 {verb} ([^-].* )?- .{{5,80}}", reply.text), reply

    def test_the_list_is_a_reply_in_form(self, control):
        reply = control.ask("HELP")

        assert reply.lines[0].startswith("214-")
        assert reply.lines[-1].startswith("214 ")
        assert all(line.startswith(" ") and len(line) < 80 for line in reply.lines[1:-1])

    def test_it_lists_before_a_login_too(self, connect):
        assert "STOR" in connect(None).ask("HELP").text

    def test_what_is_no_command_is_named(self, control):
        reply = control.ask("HELP XYZZY")

        assert reply.code == 501
        assert "XYZZY" in reply.text


class TestStatus:
    """STAT during a transfer (RFC 959 section 4.1.3)."""

    def test_it_tells_how_far_a_download_is_and_of_how_much(self, control, board):
        path = board.card / "long"
        path.write_bytes(b"x" * 8_000_000)
        assert control.ask("TYPE I").code == 200
        assert control.ask("REST 1000000").code == 350
        control.begin("RETR /sd/long", small=True)

        text = control.ask("STAT").text

        found = re.search(r"RETR /sd/long: (\d+) bytes so far of (\d+), (\d+) bytes/s", text)
        assert found, text
        assert int(found[2]) == 7_000_000, "what REST leaves"
        assert int(found[1]) < 7_000_000
        control.send("ABOR")
        assert [reply.code for reply in finals(control, 2)] == [426, 226]
        path.unlink()

    def test_it_tells_how_fast_an_upload_is(self, control, folder, wait_for):
        sock = control.begin(f"STOR {folder}/file")
        sock.sendall(b"x" * 5000)

        def rate():
            found = re.search(
                rf"STOR {folder}/file: 5000 bytes so far, (\d+) bytes/s", control.ask("STAT").text
            )
            return found and int(found[1])

        assert wait_for(rate, "the rate") > 0
        sock.close()
        assert control.reply().code == 226

    def test_a_path_is_listed_meanwhile(self, control, folder):
        control.put(f"{folder}/there", b"x")
        sock = control.begin(f"STOR {folder}/file")

        assert control.ask(f"STAT {folder}/there").code == 213
        assert control.ask(f"STAT {folder}").code == 212

        sock.close()
        assert control.reply().code == 226


def test_rein_in_the_midst_of_a_transfer_lets_it_finish(connect, control, folder):
    leaver = connect()
    sock = leaver.begin(f"STOR {folder}/file")
    leaver.send("REIN")
    sock.sendall(b"whole")
    sock.close()

    assert leaver.reply().code == 226
    assert leaver.reply().code == 220
    assert leaver.ask("PWD").code == 530
    assert control.get(f"{folder}/file") == b"whole"
    assert leaver.login("writer").ask("PWD").code == 257


def test_abor_behind_rein_ends_the_transfer(control, folder):
    control.begin(f"STOR {folder}/file")

    control.send(b"REIN\r\nABOR\r\n")

    assert [reply.code for reply in finals(control, 3)] == [426, 220, 225]


def test_allo_asks_the_file_system_where_one_is(control):
    flash = int(re.search(r"(\d+)", control.ask("ALLO 99999999").text.partition("552 Only")[2])[1])

    assert control.ask(f"ALLO {flash}").code == 200
    assert control.ask("CWD /sd").code == 250
    assert control.ask(f"ALLO {flash * 2}").code == 200, "the card has more room"


def test_clnt_is_remembered_for_who(connect):
    control = connect()
    assert control.ask("CLNT " + "Tester 1.0 " * 9).code == 200

    assert "(" + ("Tester 1.0 " * 9)[:40] + ")" in control.ask("SITE who").text


def test_a_line_may_end_in_lf_alone(control):
    control.send(b"NOOP\nPWD\n")

    assert control.reply().code == 200
    assert control.reply().code == 257


@pytest.mark.parametrize("name", [" led", "  two", "tail ", "-x", "--", "-la", 'q"uo"te', "ünï ☃"])
def test_odd_names_are_names(control, folder, name):
    """RFC 2640, and RFC 959 section 5.3: one space, then the name as it is."""
    assert control.ask(f"CWD {folder}").code == 250
    control.put(name, b"content")

    assert control.get(name) == b"content"
    assert control.names("") == [name]
    assert control.fetch("MLSD").decode().endswith(f"; {name}\r\n")
    assert control.fetch("LIST").decode().endswith(f" {name}\r\n")
    assert control.fetch(f"LIST -- {name}").decode().endswith(f" {name}\r\n")
    assert control.fetch(f"NLST ./{name}").decode() == f"./{name}\r\n"
    assert control.ask(f"SIZE {name}").text == "213 7"
    assert control.ask(f"MKD {name}.d").text == '257 "{}/{}" created.'.format(
        folder, f"{name}.d".replace('"', '""')
    )
    assert control.ask(f"CWD {name}.d").code == 250
    assert control.ask("CDUP").code == 250
    assert control.ask(f"RNFR {name}").code == 350
    assert control.ask(f"RNTO {name}2").code == 250
    assert control.ask(f"DELE {name}2").code == 250


def test_pasv_tells_the_port_that_is_open(control):
    numbers = re.search(r"\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)", control.ask("PASV").text)
    host = ".".join(numbers.groups()[:4])
    port = int(numbers[5]) * 256 + int(numbers[6])

    socket.create_connection((host, port), 20).close()


def test_stat_shows_date_uptime_users_and_health_first(control):
    lines = control.ask("STAT").lines

    assert re.fullmatch(r"211-System date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[0])
    assert re.fullmatch(r"211-Uptime: 0 days, 00:\d\d", lines[1])
    assert re.fullmatch(r"211-Number of users: \d+", lines[2])
    assert lines[3] == "211-Health: look below", "no time server answers"
    assert "211-! time: the clock is not set, so times are not real" in lines
    assert max(map(len, lines)) <= 80
