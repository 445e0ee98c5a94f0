"""Every command at least once, with its reply code; the order of commands; FEAT and HELP."""

import re
import time

import pytest

GOOD = [
    ("SYST", 215, "UNIX Type: L8"),
    ("NOOP", 200, ""),
    ("TYPE A", 200, "A"),
    ("TYPE A N", 200, "A N"),
    ("TYPE AN", 200, "A"),
    ("TYPE  A  N ", 200, "A"),
    ("TYPE I ", 200, "I"),
    ("MODE  S ", 200, "S"),
    ("STRU F ", 200, "F"),
    ("EPSV 1 ", 229, "(|||"),
    ("EPSV ", 229, "(|||"),
    ("REST  5 ", 350, "byte 5"),
    ("RANG  1  5 ", 350, "Bytes 1 to 5"),
    ("ALLO  1000 ", 200, "room"),
    ("ALLO 1000  R  80 ", 200, "room"),
    ("OPTS  UTF8  ON ", 200, "UTF-8"),
    ("SITE  help ", 214, "df"),
    ("HELP  STOR ", 214, "store a file"),
    ("CLNT  Tester ", 200, ""),
    ("TYPE I", 200, "I"),
    ("TYPE L 8", 200, "L 8"),
    ("MODE S", 200, "S"),
    ("STRU F", 200, "F"),
    ("ALLO 1000", 200, "room"),
    ("ALLO 1000 R 80", 200, "room"),
    ("OPTS UTF8 ON", 200, "UTF-8"),
    ("OPTS MLST type;size;", 200, "MLST OPTS"),
    ("PWD", 257, '"/" '),
    ("XPWD", 257, '"/" '),
    ("CWD /site", 250, "/site"),
    ("XCWD /site", 250, "/site"),
    ("CDUP", 250, "/"),
    ("XCUP", 250, "/"),
    ("SIZE main.mpy", 213, ""),
    ("MLST main.py", 250, "type=file"),
    ("STAT", 211, "Logged in as: admin"),
    ("STAT /site", 212, "ftp"),
    ("STAT /main.py", 213, "main.py"),
    ("OPTS UTF8", 200, "UTF-8"),
    ("CLNT Tester 1.0", 200, ""),
    ("ACCT books", 202, "not needed"),
    ("REST 0", 350, "0"),
    ("ABOR", 225, ""),
    ("PASV", 227, "(127,0,0,1,"),
    ("EPSV", 229, "(|||"),
    ("EPSV 1", 229, "(|||"),
    ("EPSV ALL", 200, "ALL"),
    ("HELP", 214, "MLSD"),
    ("HELP STOR", 214, "214 STOR <path> - store a file"),
    ("HELP stor", 214, "214 STOR <path>"),
    ("HELP SITE", 214, "df"),
    ("SITE help", 214, "df"),
    ("SITE df", 211, "flash"),
    ("SITE free", 211, "Mem:"),
    ("SITE gc", 211, "available"),
    ("SITE uptime", 211, "up "),
    ("SITE who", 211, "admin"),
    ("SITE hashpass word", 211, "pbkdf2-sha256$"),
    ("REIN", 220, ""),
    ("QUIT", 221, "Bye, admin."),
    ("noop", 200, ""),
    ("sYsT", 215, "UNIX"),
]

BAD = [
    ("XYZZY", 500),
    ("", 500),
    ("RET\tR x", 500),
    *[(verb, 502) for verb in ("SMNT /", "SMNT", "ADAT x", "CONF x", "ENC x", "MIC x")],
    *[
        (verb, 501)
        for verb in (
            "TYPE",
            "MODE",
            "STRU",
            "PORT",
            "EPRT",
            "SITE",
            "OPTS",
            "ALLO",
            "REST",
            "RETR",
            "STOR",
            "APPE",
            "CWD",
            "MKD",
            "RMD",
            "DELE",
            "RNFR",
            "RNTO",
            "USER",
        )
    ],
    ("ALLO much", 501),
    ("ALLO -1", 501),
    ("ALLO 5 R", 501),
    ("ALLO 5 pages", 501),
    ("ACCT", 501),
    ("CLNT", 501),
    ("REST -1", 501),
    ("REST x", 501),
    ("PORT 1,2,3", 501),
    ("PORT a,b,c,d,e,f", 501),
    ("PORT 127,0,0,1,999,1", 501),
    ("EPRT |1|127.0.0.1|", 501),
    ("EPRT |1|127.0.0.1|x|", 501),
    ("EPRT |2|::1|5000|", 522),
    ("EPSV 2", 522),
    ("EPSV 3", 522),
    ("EPSV all of it", 501),
    ("EPRT |x|127.0.0.1|5000|", 501),
    ("EPRT ||127.0.0.1|5000|", 501),
    ("OPTS  ", 501),
    ("OPTS UTF8 OFF", 501),
    ("OPTS UTF8 NLST", 501),
    ("OPTS NOSUCH", 501),
    ("OPTS HASH SHA-512", 501),
    ("HELP XYZZY", 501),
    ("TYPE E", 504),
    ("TYPE E N", 504),
    ("TYPE A T", 504),
    ("TYPE A C", 504),
    ("TYPE L 7", 504),
    ("TYPE L", 504),
    ("TYPE L 16", 504),
    ("TYPE ALL", 501),
    ("TYPE X", 501),
    ("TYPE  ", 501),
    ("ALLO  ", 501),
    ("MDTM 20260101000000.5 /main.py", 501),
    ("MDTM 20260101000000+0100 /main.py", 501),
    ("MDTM 20260101000000Z /main.py", 501),
    ("MDTM 20260101000000-5 /main.py", 501),
    ("MDTM 20260101000000x /main.py", 550),
    ("MDTM 20260101 /main.py", 550),
    ("SIZE /main.py ", 550),
    ("SIZE  /main.py", 550),
    ("MODE B", 504),
    ("MODE C", 504),
    ("MODE Z", 504),
    ("MODE X", 501),
    ("STRU R", 504),
    ("STRU P", 504),
    ("STRU X", 501),
    ("SITE nosuch", 504),
    ("SITE kick", 501),
    ("SITE kick nobody", 501),
    ("SITE hashpass", 501),
    ("SITE shutdown", 501),
    ("SITE shutdown now", 501),
    ("ALLO 999999999", 552),
    ("RNTO x", 503),
    ("PASS again", 230),
    ("CWD /nosuch", 550),
    ("CWD /main.py", 550),
    ("RETR /nosuch", 550),
    ("RETR /site", 550),
    ("SIZE /nosuch", 550),
    ("SIZE /site", 550),
    ("MDTM /nosuch", 550),
    ("MDTM /site", 550),
    ("MLST /nosuch", 550),
    ("MLSD /nosuch", 550),
    ("MLSD /main.py", 501),
    ("LIST /nosuch", 550),
    ("STAT /nosuch", 550),
    ("DELE /nosuch", 550),
    ("DELE /site", 550),
    ("RMD /nosuch", 550),
    ("RMD /main.py", 550),
    ("RMD /site", 550),
    ("MKD /site", 550),
    ("RNFR /nosuch", 550),
    ("STOR /site", 550),
    ("APPE /site", 550),
    ("STOR /nosuch/file", 425),
    ("RETR /main.py", 425),
    ("LIST", 425),
    ("MLSD", 425),
    ("NLST", 425),
]


@pytest.mark.parametrize(("command", "code", "says"), GOOD, ids=[row[0] for row in GOOD])
def test_a_command_is_obeyed(control, command, code, says):
    command = command.replace("main.mpy", "main.py")

    reply = control.ask(command)

    assert reply.code == code, reply
    assert says in reply.text


@pytest.mark.parametrize(("command", "code"), BAD, ids=[row[0] or "empty" for row in BAD])
def test_a_wrong_command_is_refused_with_its_code_and_the_session_goes_on(control, command, code):
    reply = control.ask(command)

    assert reply.code == code, reply
    assert len(reply.text) > len("550 "), "a reply says why"
    assert control.ask("NOOP").code == 200


@pytest.mark.parametrize("verb", ["MKD", "XMKD"])
@pytest.mark.parametrize("undo", ["RMD", "XRMD"])
def test_folders_are_made_and_removed(control, folder, verb, undo):
    reply = control.ask(f"{verb} {folder}/new")
    assert (reply.code, reply.text) == (257, f'257 "{folder}/new" created.')
    assert control.ask(f"CWD {folder}/new").code == 250
    assert control.ask("CWD /").code == 250

    assert control.ask(f"{undo} {folder}/new").code == 250

    assert control.ask(f"CWD {folder}/new").code == 550


def test_rmd_keeps_a_folder_that_is_not_empty(control, folder):
    control.put(f"{folder}/file", b"x")

    assert control.ask(f"RMD {folder}").code == 550

    assert control.names(folder) == ["file"]


def test_a_quote_in_a_name_is_doubled_in_the_reply(control, folder):
    reply = control.ask(f'MKD {folder}/5"disk')

    assert reply.text == f'257 "{folder}/5""disk" created.'
    assert control.ask(f'CWD {folder}/5"disk').code == 250
    assert control.ask("PWD").text.startswith(f'257 "{folder}/5""disk" ')
    assert control.ask("CWD /").code == 250


def test_names_may_hold_spaces_and_any_letters(control, folder):
    name = f"{folder}/ Mär z ☃"
    control.put(name, b"snow")

    assert control.get(name) == b"snow"
    assert control.names(folder) == [" Mär z ☃"]
    assert control.ask(f"DELE {name}").code == 250


def test_dele_removes_a_file(control, folder):
    control.put(f"{folder}/gone", b"x")

    assert control.ask(f"DELE {folder}/gone").code == 250

    assert control.ask(f"SIZE {folder}/gone").code == 550


class TestRename:
    """RNFR and RNTO."""

    def test_a_file_gets_its_new_name(self, control, folder):
        control.put(f"{folder}/old", b"content")

        assert control.ask(f"RNFR {folder}/old").code == 350
        assert control.ask(f"RNTO {folder}/new").code == 250

        assert control.names(folder) == ["new"]
        assert control.get(f"{folder}/new") == b"content"

    def test_a_file_replaces_a_file(self, control, folder):
        control.put(f"{folder}/a", b"from a")
        control.put(f"{folder}/b", b"from b")

        assert control.ask(f"RNFR {folder}/a").code == 350
        assert control.ask(f"RNTO {folder}/b").code == 250

        assert control.get(f"{folder}/b") == b"from a"

    def test_rnfr_counts_for_one_rnto(self, control, folder):
        control.put(f"{folder}/a", b"x")
        assert control.ask(f"RNFR {folder}/a").code == 350
        assert control.ask(f"RNTO {folder}/b").code == 250

        assert control.ask(f"RNTO {folder}/c").code == 503

    @pytest.mark.parametrize("between", ["RNFR {}/gone", "RNFR /", "RNTO /"])
    def test_what_fails_leaves_no_name_for_the_next_rnto(self, control, folder, between):
        """A client that pipelines sends it whatever becomes of the one before."""
        control.put(f"{folder}/a", b"x")
        assert control.ask(f"RNFR {folder}/a").code == 350
        assert control.ask(between.format(folder)).code == 550

        assert control.ask(f"RNTO {folder}/b").code == 503

        assert control.names(folder) == ["a"]

    def test_a_folder_does_not_go_into_itself_where_it_would_vanish(self, control, folder):
        assert control.ask(f"MKD {folder}/a").code == 257
        control.put(f"{folder}/a/file", b"x")

        assert control.ask(f"RNFR {folder}/a").code == 350
        assert control.ask(f"RNTO {folder}/a/b").code == 553

        assert control.names(f"{folder}/a") == ["file"]

    def test_neither_file_nor_folder_goes_over_a_folder(self, control, folder):
        assert control.ask(f"MKD {folder}/empty").code == 257
        control.put(f"{folder}/file", b"x")

        assert control.ask(f"RNFR {folder}/file").code == 350
        assert control.ask(f"RNTO {folder}/empty").code == 553

        assert control.names(folder) == ["empty", "file"]

    def test_renaming_to_its_own_name_keeps_the_file(self, control, folder):
        control.put(f"{folder}/same", b"x")

        assert control.ask(f"RNFR {folder}/same").code == 350
        assert control.ask(f"RNTO {folder}/same").code == 250

        assert control.get(f"{folder}/same") == b"x"

    def test_the_root_cannot_be_renamed(self, control):
        assert control.ask("RNFR /").code in (350, 550, 553)
        assert control.ask("RNTO /elsewhere").code in (503, 550, 553)

        assert control.ask("CWD /site").code == 250


@pytest.mark.parametrize("refused", ["STOR /", "RETR /config.last/x", "APPE /"])
def test_rest_is_not_left_to_the_upload_after_the_one_it_was_for(control, folder, refused):
    """It would begin with bytes of the old file, and be confirmed."""
    control.ask("TYPE I")
    control.put(f"{folder}/file", b"old content")
    assert control.ask("REST 3").code == 350
    assert control.ask(refused).code == 550

    control.put(f"{folder}/file", b"new")

    assert control.get(f"{folder}/file") == b"new"


def test_a_glob_in_a_missing_folder_is_550(control):
    sock = control.data()

    reply = control.ask("NLST /nosuch/*")
    if reply.code == 150:  # the folder is opened when its first entry is asked for
        assert control.rest(sock) == b""
        reply = control.reply()

    assert reply.code == 550
    assert control.ask("NOOP").code == 200


def test_a_reply_whose_lines_fail_half_way_is_ended_and_the_session_goes_on(control):
    reply = control.ask("SITE df /sd/nosuch")

    assert reply.code in (211, 550)
    assert "No such file" in reply.text
    assert control.ask("NOOP").code == 200


def test_feat_lists_what_clients_ask_for_in_the_form_of_rfc_2389(control):
    reply = control.ask("FEAT")

    assert reply.code == 211
    assert reply.lines[0].startswith("211-")
    assert reply.lines[-1].startswith("211 ")
    inner = reply.lines[1:-1]
    assert all(line.startswith(" ") and line[1] != " " for line in inner)
    wanted = {"CLNT", "MDTM", "SIZE", "REST STREAM", "UTF8", "EPSV", "EPRT", "TVFS"}
    assert wanted <= {line[1:] for line in inner}
    assert any(line.startswith(" MLST type*;size*;modify*;perm*;") for line in inner)


def test_each_feature_of_feat_is_known_to_help(control):
    features = {line.split()[0] for line in control.ask("FEAT").lines[1:-1]} - {"UTF8", "TVFS"}
    known = re.findall(r"[A-Z]{3,4}", control.ask("HELP").text)

    assert features <= set(known)


def test_after_epsv_all_other_ways_are_refused(control):
    assert control.ask("EPSV ALL").code == 200

    for command in ("PASV", "PORT 127,0,0,1,100,1", "EPRT |1|127.0.0.1|5000|"):
        assert control.ask(command).code == 501, command
    assert control.ask("EPSV").code == 229


def test_rein_forgets_the_user_and_all_settings(control):
    for command in ("CWD /site", "TYPE I", "REST 5", "EPSV ALL"):
        assert control.ask(command).code in (200, 250, 350)

    assert control.ask("REIN").code == 220
    assert control.ask("PWD").code == 530
    control.login("writer")

    assert control.ask("PWD").text.startswith('257 "/" ')
    assert "TYPE: A" in control.ask("STAT").text
    assert control.ask("PASV").code == 227, "EPSV ALL is forgotten"
    assert control.fetch("RETR /main.py").startswith(b'"""'), "REST is forgotten"


def test_user_again_needs_the_password_again(control):
    assert control.ask("USER reader").code == 331
    assert control.ask("PWD").code == 530
    assert control.ask("PASS read").code == 230
    assert control.ask("MKD /new").code == 550


def test_quit_closes_the_connection(control):
    assert control.ask("QUIT").code == 221
    assert control.closed()


def test_empty_uploads_end_at_once(control, folder):
    """An RP2 loses the end of a data connection that comes before the board has taken it in."""
    began = time.monotonic()
    for number in range(20):
        control.put(f"{folder}/empty{number}", b"")
    assert time.monotonic() - began < 20, "none waits until it counts as stalled"


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        ("OSError(28)", (552, "No space left; nothing was changed. SITE DF shows what is free.")),
        ("OSError(5)", (451, "The file system failed: error [Errno 5] EIO.")),
        ("OSError(84)", (451, "The file system failed: error 84.")),
        ("OSError(12)", (451, "Not enough memory just now; try again.")),
        ("MemoryError()", (451, "Not enough memory just now; try again.")),
        ("OSError(110)", (451, "no answer came in time (ETIMEDOUT).")),
        ("OSError(101)", (451, "there is no way to that network (ENETUNREACH).")),
        ("OSError(-2)", (451, "that name has no address (error -2).")),
        ("OSError('no answer from 192.0.2.1')", (451, "no answer from 192.0.2.1.")),
        ("OSError()", (451, "OSError.")),
    ],
)
def test_an_error_of_the_network_is_none_of_the_file_system(micropython, error, reply):
    script = f"from services.ftp.errors import reply_to\nprint(reply_to({error}))"

    assert micropython(script) == f"{reply}\n"
