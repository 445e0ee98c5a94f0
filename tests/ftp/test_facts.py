"""What is told of a file: MLST's and MLSD's facts, OPTS MLST, SIZE, AVBL, FEAT."""

import re

import pytest

MIB = 1024 * 1024


def entry(control, path):
    """MLST's facts of one path, as a dict."""
    reply = control.ask(f"MLST {path}")
    assert reply.code == 250, reply
    return parsed(reply.lines[1][1:])


def parsed(line):
    facts = line.partition(" ")[0]
    assert not facts or facts.endswith(";"), line
    return dict(fact.split("=", 1) for fact in facts.split(";")[:-1])


def listed(control, path):
    """MLSD's entries: name -> facts."""
    lines = control.fetch(f"MLSD {path}").decode().split("\r\n")[:-1]
    return {line.partition(" ")[2]: parsed(line) for line in lines}


def feature(control, name):
    """FEAT's line of that name, without the blank before it."""
    lines = [line[1:] for line in control.ask("FEAT").lines[1:-1]]
    found = [line for line in lines if line.split(" ")[0] == name]
    assert len(found) == 1, lines
    return found[0]


class TestFacts:
    """RFC 3659 section 7.5."""

    def test_all_facts_of_a_file_and_of_a_folder(self, control, folder):
        control.put(f"{folder}/file", b"12345")
        control.ask(f"MKD {folder}/inner")

        facts = listed(control, folder)

        assert set(facts["file"]) == {"type", "size", "modify", "perm", "unique"}
        assert facts["file"]["type"] == "file"
        assert facts["file"]["size"] == "5"
        assert facts["file"]["perm"] == "adfrw"
        assert set(facts["inner"]) >= {"type", "perm", "unique"}
        assert facts["inner"]["type"] == "dir"
        assert facts["inner"]["perm"] == "cdeflmp"
        for name in facts:
            assert entry(control, f"{folder}/{name}") == facts[name]

    def test_unique_is_the_path_s_whoever_asks(self, control, connect, folder):
        names = [f"{n}" for n in range(40)]
        for name in names:
            control.put(f"{folder}/{name}", b"")
        control.ask(f"MKD {folder}/sub")
        control.put(f"{folder}/sub/0", b"")

        found = {name: facts["unique"] for name, facts in listed(control, folder).items()}
        found["sub/0"] = entry(control, f"{folder}/sub/0")["unique"]

        assert len(set(found.values())) == len(found) == 42
        assert listed(connect("reader"), folder)["7"]["unique"] == found["7"]
        assert re.fullmatch(r"[0-9a-f]{16}", found["7"])

    def test_a_jailed_user_and_an_admin_see_one_file(self, control, connect):
        control.ask("MKD /jail")
        control.put("/jail/one", b"")

        assert entry(connect("jailed"), "/one")["unique"] == entry(control, "/jail/one")["unique"]
        control.ask("DELE /jail/one")

    def test_nobody_may_delete_or_rename_a_root_or_a_mount(self, control, connect):
        control.ask("MKD /jail")
        for session, path in (
            (control, "/"),
            (control, "/sd"),
            (connect("jailed"), "/"),
            (connect("card"), "/"),
        ):
            assert entry(session, path)["perm"] == "celmp", path
            assert session.ask(f"RNFR {path}").code == 550 or path == "/sd"
        assert listed(control, "/")["sd"]["perm"] == "celmp"
        assert entry(control, "/jail")["perm"] == "cdeflmp"

    def test_a_folder_that_holds_what_is_protected_stays_where_it_is(self, power_up, connect):
        board = power_up(ftp={"protected": ["/data/secret"]})
        for path in ("/data", "/data/secret", "/data/open"):
            assert connect(to=board).ask(f"MKD {path}").code == 257
        writer = connect("writer", to=board)

        assert entry(writer, "/data")["perm"] == "cdelmp"
        assert writer.ask("RNFR /data").code == 550
        assert entry(writer, "/data/open")["perm"] == "cdeflmp"
        assert set(listed(writer, "/data")) == {"open"}

    def test_a_reader_enters_lists_and_reads(self, connect, control, folder):
        control.put(f"{folder}/file", b"")
        reader = connect("reader")

        assert entry(reader, folder)["perm"] == "el"
        assert entry(reader, f"{folder}/file")["perm"] == "r"
        assert entry(reader, "/")["perm"] == "el"

    def test_what_perm_grants_is_done_and_what_it_lacks_is_refused(self, connect, control, folder):
        """Each letter's command, tried: by a reader, who has few, and by a writer."""
        tries = {"d": "DELE", "f": "RNFR", "a": "APPE", "w": "STOR"}
        for user in ("reader", "writer"):
            session = connect(user)
            for letter, verb in tries.items():
                control.put(f"{folder}/file", b"")
                session.passive_port()
                granted = letter in entry(session, f"{folder}/file")["perm"]

                reply = session.ask(f"{verb} {folder}/file")

                assert (reply.code != 550) == granted, (user, verb, reply)
                if reply.code == 150:
                    assert session.ask("ABOR").code == 426
                    assert session.reply().code == 226

    def test_the_name_comes_after_one_blank_however_it_begins(self, control, folder):
        for name in ("  two blanks", "a;b=c; d", "ünïcode"):
            control.put(f"{folder}/{name}", b"x")

            assert listed(control, folder)[name]["size"] == "1"
            assert control.ask(f"MLST {folder}/{name}").lines[1].endswith(f"; {folder}/{name}")

    def test_mlst_of_what_is_missing_or_hidden_is_550(self, control, connect):
        assert control.ask("MLST /nothing").code == 550
        assert connect("writer").ask("MLST /config.json").code == 550


class TestChoice:
    """OPTS MLST (RFC 3659 section 7.9)."""

    @pytest.mark.parametrize(
        ("wanted", "answer"),
        [
            ("type;size;", "type;size;"),
            ("SIZE;Type", "type;size;"),
            ("modify;unique;perm;size;type;", "type;size;modify;perm;unique;"),
            ("unix.mode;size;charset;", "size;"),
        ],
    )
    def test_only_these_facts_are_told_from_then_on(self, control, folder, wanted, answer):
        control.put(f"{folder}/file", b"1")

        assert control.ask(f"OPTS MLST {wanted}").lines == [f"200 MLST OPTS {answer}"]

        chosen = answer.split(";")[:-1]
        assert list(listed(control, folder)["file"]) == chosen
        assert list(entry(control, f"{folder}/file")) == chosen
        starred = [fact[:-1] for fact in feature(control, "MLST")[5:].split(";") if "*" in fact]
        assert starred == chosen

    def test_no_fact_at_all(self, control, folder):
        control.put(f"{folder}/file", b"1")

        assert control.ask("OPTS MLST").lines == ["200 MLST OPTS"]

        assert control.fetch(f"MLSD {folder}") == b" file\r\n"
        assert control.ask(f"MLST {folder}/file").lines[1] == f"  {folder}/file"
        assert feature(control, "MLST") == "MLST type;size;modify;perm;unique;"

    def test_it_is_the_session_s_own_and_rein_ends_it(self, control, connect, folder):
        control.put(f"{folder}/file", b"1")
        control.ask("OPTS MLST size;")

        assert len(entry(connect(), f"{folder}/file")) == 5
        assert control.ask("REIN").code == 220
        control.login()
        assert len(entry(control, f"{folder}/file")) == 5
        assert feature(control, "MLST") == "MLST type*;size*;modify*;perm*;unique*;"


class TestFeatures:
    """FEAT says what is true for this session."""

    def test_mfmt_is_offered_to_who_may_write(self, connect):
        anybody = connect(None).ask("FEAT").lines
        assert " MFMT" in anybody, "lftp asks before its login, and then no more"
        assert " MFMT" in connect("writer").ask("FEAT").lines
        assert " MFMT" not in connect("reader").ask("FEAT").lines

    def test_what_stands_there_works(self, control):
        lines = control.ask("FEAT").lines
        for line in (" AVBL", " RANG STREAM", " HASH SHA-256*;SHA-1;MD5", " MDTM", " SIZE"):
            assert line in lines


class TestSize:
    """RFC 3659 section 4."""

    def test_in_type_a_a_large_file_is_counted_while_others_are_served(
        self, control, connect, board, wait_for
    ):
        """32 MiB on the card: some of it before and behind each edge of the buffer."""
        content = b"line\nand another\r\n\r\r\n" * (32 * MIB // 21)
        (board.card / "text").write_bytes(content)
        lone = content.count(b"\n") - content.count(b"\r\n")
        other = connect()
        control.ask("TYPE A")

        control.send("SIZE /sd/text")
        wait_for(lambda: "SIZE /sd/text" in control_status(control), "the count to begin")
        assert other.ask("NOOP").code == 200

        assert control.reply().text == f"213 {len(content) + lone}"

    def test_abor_ends_the_count(self, control, board, wait_for):
        with open(board.card / "sparse", "wb") as file:
            file.truncate(1024 * MIB)
        control.ask("TYPE A")
        control.send("SIZE /sd/sparse")

        control.send("ABOR")

        assert [control.reply().code, control.reply().code] == [426, 226]
        assert control.ask("NOOP").code == 200


def test_what_few_ask_for_leaves_the_heap_again(micropython):
    script = """
import sys
from services.borrow import release, use
from services.ftp import commands
for verb in (b"MFMT", b"HASH", b"MLST"):
    commands.handler_of(commands.find(verb)[0], verb)
for name in ("facts", "times"):
    use("services.ftp.files." + name)
late = ("facts", "times", "hashing", "listing")
print(sorted([name.rpartition(".")[2] for name in sys.modules if name.endswith(late)]))
release()
print([name for name in sys.modules if name.endswith(late)])
"""
    assert micropython(script) == "['facts', 'hashing', 'listing', 'times']\n[]\n"


def control_status(control):
    """STAT's text, which may come during a transfer."""
    return control.ask("STAT").text


class TestAvailable:
    """AVBL (draft-peterson-streamlined-ftp-command-extensions)."""

    def test_it_falls_by_what_is_stored(self, control, folder):
        before = int(control.ask(f"AVBL {folder}").text.removeprefix("213 "))
        control.ask("TYPE I")
        control.put(f"{folder}/file", bytes(100_000))

        after = int(control.ask("AVBL").text.removeprefix("213 "))

        assert 100_000 <= before - after < 120_000

    def test_of_the_card_it_is_the_card_s(self, control):
        assert control.ask("AVBL /sd").text != control.ask("AVBL /").text

    def test_only_of_a_folder(self, control, folder):
        control.put(f"{folder}/file", b"")

        assert control.ask(f"AVBL {folder}/file").code == 550
        assert control.ask(f"AVBL {folder}/none").code == 550
