"""What is in a file: TYPE A and I, REST, APPE, SIZE, byte for byte."""

import random
import re

import pytest

BUFFER = 4096  # of the board's transfers


@pytest.mark.parametrize("size", [0, 1, 511, 512, BUFFER - 1, BUFFER, BUFFER + 1, 200_001])
def test_binary_content_comes_back_as_it_was(control, folder, size):
    content = random.Random(size).randbytes(size)
    control.ask("TYPE I")
    control.put(f"{folder}/file", content)

    assert control.get(f"{folder}/file") == content
    assert control.ask(f"SIZE {folder}/file").text == f"213 {size}"


def test_type_a_stores_lf_and_sends_crlf(control, folder):
    control.ask("TYPE A")
    control.put(f"{folder}/text", b"one\r\ntwo\r\n\r\nthree")

    assert control.fetch(f"RETR {folder}/text") == b"one\r\ntwo\r\n\r\nthree"
    assert control.ask(f"SIZE {folder}/text").text == "213 17", "SIZE is what RETR sends"
    assert control.get(f"{folder}/text") == b"one\ntwo\n\nthree"


def test_type_a_leaves_a_lone_cr_alone(control, folder):
    control.ask("TYPE A")
    control.put(f"{folder}/text", b"a\rb\r\r\nc\r")

    assert control.get(f"{folder}/text") == b"a\rb\r\nc\r"


def test_type_a_sends_a_stored_crlf_once(control, folder):
    control.ask("TYPE I")
    control.put(f"{folder}/text", b"a\r\nb\n")

    control.ask("TYPE A")

    assert control.fetch(f"RETR {folder}/text") == b"a\r\nb\r\n"
    assert control.ask(f"SIZE {folder}/text").text == "213 6"


@pytest.mark.parametrize("shift", range(-2, 3))
@pytest.mark.parametrize("piece", [512, BUFFER // 2, BUFFER])
def test_type_a_converts_a_line_end_over_the_edge_of_a_buffer(control, folder, shift, piece):
    stored = b"x" * (piece + shift) + b"\r\n" + b"y" * piece + b"\n\n" + b"z" * piece + b"\r\n"
    control.ask("TYPE I")
    control.put(f"{folder}/stored", stored)
    wire = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    control.ask("TYPE A")
    assert control.fetch(f"RETR {folder}/stored") == wire
    assert control.ask(f"SIZE {folder}/stored").text == f"213 {len(wire)}"
    control.put(f"{folder}/back", wire)

    assert control.get(f"{folder}/back") == wire.replace(b"\r\n", b"\n")


def test_type_a_converts_a_line_end_that_comes_in_two_packets(control, folder, wait_for):
    control.ask("TYPE A")
    sock = control.begin(f"STOR {folder}/text")
    sock.sendall(b"one\r")
    # Only once the board has it does the rest follow: the pair is split for sure.
    wait_for(lambda: "4 bytes so far" in control.ask("STAT").text, "the first packet")
    sock.sendall(b"\ntwo\r")
    wait_for(lambda: "9 bytes so far" in control.ask("STAT").text, "the second packet")
    sock.close()

    assert control.reply().code == 226
    assert control.get(f"{folder}/text") == b"one\ntwo\r"


def test_a_new_session_begins_in_type_a(control, folder):
    control.put(f"{folder}/text", b"line\r\n")

    assert control.get(f"{folder}/text") == b"line\n"


def converted(control):
    """How many transfers STAT says were converted."""
    found = re.search(r"converted (\d+)", control.ask("STAT").text)
    return int(found[1]) if found else 0


def test_the_226_tells_what_type_a_made_of_a_file(control, folder):
    wire = b"\x89PNG\r\n\x1a\n" + b"\r\n" * 3 + b"\r"  # as a client that never sends TYPE does it
    before = converted(control)

    assert control.store(f"STOR {folder}/picture", wire).text == (
        "226 Stored, 15 bytes converted from text, 11 bytes written; TYPE I keeps all bytes."
    )
    sock = control.begin(f"RETR {folder}/picture")
    assert len(control.rest(sock)) == 16
    assert control.reply().text == (
        "226 Transfer complete, 11 bytes converted to text, 16 bytes sent; TYPE I keeps all bytes."
    )
    assert control.store(f"APPE {folder}/picture", b"a\r\n").text == (
        "226 Stored, 3 bytes converted from text, 2 bytes written; TYPE I keeps all bytes."
    )
    assert converted(control) == before + 3


def test_a_226_tells_of_no_conversion_where_there_was_none(control, folder):
    before = converted(control)

    assert control.store(f"STOR {folder}/a", b"no end, \r nor\n").text == "226 Stored, 14 bytes."
    control.put(f"{folder}/b", b"")
    assert control.fetch(f"RETR {folder}/b") == b""
    control.ask("TYPE I")
    assert control.store(f"STOR {folder}/c", b"\r\n" * 9).text == "226 Stored, 18 bytes."
    sock = control.begin(f"RETR {folder}/c")
    control.rest(sock)
    assert control.reply().text == "226 Transfer complete."
    assert converted(control) == before


def test_default_type_is_what_sessions_begin_with(power_up, connect):
    board = power_up({"default_type": "I"})
    control = connect(to=board)
    picture = b"\x89PNG\r\n\x1a\n\r\n"

    assert control.store("STOR /picture", picture).text == "226 Stored, 10 bytes."
    assert control.fetch("RETR /picture") == picture
    assert "TYPE: I" in control.ask("STAT").text
    control.ask("TYPE A")
    assert control.fetch("RETR /picture") == picture.replace(b"\x1a\n", b"\x1a\r\n")
    assert control.ask("REIN").code == 220
    control.login()
    assert control.fetch("RETR /picture") == picture, "REIN begins anew"


class TestRest:
    """REST: RETR and STOR go on where an earlier transfer ended."""

    CONTENT = bytes(range(256)) * 40

    @pytest.fixture
    def path(self, control, folder):
        control.ask("TYPE I")
        control.put(f"{folder}/file", self.CONTENT)
        return f"{folder}/file"

    @pytest.mark.parametrize("offset", [0, 1, BUFFER, 10_239, 10_240])
    def test_retr_begins_there(self, control, path, offset):
        assert control.ask(f"REST {offset}").code == 350

        assert control.fetch(f"RETR {path}") == self.CONTENT[offset:]

    @pytest.mark.parametrize("offset", [1, 5_000, 10_240])
    def test_stor_keeps_what_stands_before(self, control, path, offset):
        assert control.ask(f"REST {offset}").code == 350
        control.put(path, b"and the rest")

        assert control.get(path) == self.CONTENT[:offset] + b"and the rest"

    def test_it_counts_for_one_transfer(self, control, path):
        control.ask("REST 10000")
        assert len(control.fetch(f"RETR {path}")) == 240

        assert control.fetch(f"RETR {path}") == self.CONTENT

    @pytest.mark.parametrize(
        "between", ["PWD", "SIZE /main.py", "CWD /", "NOOP", "STAT", "XYZZY", "REST x", "RETR /no"]
    )
    def test_what_comes_between_takes_it_back(self, control, path, between):
        """RFC 3659 section 5: an upload would begin with bytes of the old file."""
        assert control.ask("REST 6").code == 350
        control.ask(between)
        control.put(path, b"new")

        assert control.get(path) == b"new"

    @pytest.mark.parametrize("verb", ["NLST /", "APPE {}.log", "STOU"])
    def test_another_transfer_takes_it_back(self, control, path, verb):
        assert control.ask("REST 6").code == 350
        sock = control.begin(verb.format(path))
        if verb.startswith("NLST"):
            control.rest(sock)
        sock.close()
        assert control.reply().code == 226
        if verb == "STOU":
            assert control.ask("DELE upload").code == 250
        control.put(path, b"new")

        assert control.get(path) == b"new"

    @pytest.mark.parametrize("between", ["PASV", "EPSV", "PORT 127,0,0,1,200,10", "TYPE I"])
    def test_it_outlasts_what_readies_the_transfer(self, control, path, between):
        assert control.ask("REST 10000").code == 350
        control.ask(between)

        assert len(control.fetch(f"RETR {path}")) == 240

    def test_beyond_the_end_is_refused_both_ways(self, control, path):
        for verb in ("RETR", "STOR"):
            control.passive_port()
            assert control.ask("REST 10241").code == 350
            assert control.ask(f"{verb} {path}").code in (501, 551, 554)

        assert control.get(path) == self.CONTENT

    def test_it_needs_binary_where_bytes_have_a_place(self, control, path):
        control.ask("TYPE A")
        control.passive_port()
        assert control.ask("REST 5").code == 350

        assert control.ask(f"RETR {path}").code in (501, 504, 550)

    def test_a_huge_number_does_no_harm(self, control, path):
        assert control.ask("REST " + "9" * 60).code in (350, 501)
        control.passive_port()

        assert control.ask(f"RETR {path}").code in (501, 551, 554, 150)
        control.close()


class TestAppend:
    """APPE."""

    def test_it_adds_to_what_is_there(self, control, folder):
        control.ask("TYPE I")
        control.put(f"{folder}/log", b"one,")

        assert control.store(f"APPE {folder}/log", b"two").code == 226

        assert control.get(f"{folder}/log") == b"one,two"

    def test_it_makes_a_file_that_is_missing(self, control, folder):
        assert control.store(f"APPE {folder}/log", b"first").code == 226

        assert control.get(f"{folder}/log") == b"first"

    def test_it_ends_an_old_text_with_a_new_line(self, control, folder):
        control.ask("TYPE A")
        control.put(f"{folder}/log", b"one\r\n")

        assert control.store(f"APPE {folder}/log", b"two\r\n").code == 226

        assert control.get(f"{folder}/log") == b"one\ntwo\n"


def test_an_empty_upload_makes_an_empty_file(control, folder):
    control.put(f"{folder}/empty", b"")

    assert control.ask(f"SIZE {folder}/empty").text == "213 0"
    assert control.get(f"{folder}/empty") == b""
