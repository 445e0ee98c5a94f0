"""HASH and RANG: what lies on the board, proven without sending it back."""

import contextlib
import hashlib
import random
import re
import time

import pytest

MIB = 1024 * 1024
CONTENT = random.Random(1).randbytes(10_000)
ALGORITHMS = {"SHA-256": "sha256", "SHA-1": "sha1", "MD5": "md5"}


@pytest.fixture
def path(control, folder):
    """A file with CONTENT."""
    control.ask("TYPE I")
    control.put(f"{folder}/file", CONTENT)
    return f"{folder}/file"


@pytest.fixture(scope="module")
def large(board):
    """32 MiB on the card, as /sd/large."""
    content = random.Random(2).randbytes(32 * MIB)
    (board.card / "large").write_bytes(content)
    return content


def digest(content, algorithm="SHA-256"):
    return hashlib.new(ALGORITHMS[algorithm], content).hexdigest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 100_000])
def test_it_is_the_hash_of_what_type_i_sends(control, folder, algorithm, size):
    content = random.Random(size).randbytes(size)
    control.ask("TYPE I")
    control.put(f"{folder}/file", content)
    assert control.ask(f"OPTS HASH {algorithm}").text == f"200 {algorithm}"
    control.ask("TYPE A")  # the hash is that of TYPE I all the same

    reply = control.ask(f"HASH {folder}/file")

    found = digest(content, algorithm)
    assert reply.lines == [f"213 {algorithm} 0-{size - 1} {found} {folder}/file"]


def test_an_empty_file_has_a_hash(control, folder):
    control.put(f"{folder}/empty", b"")

    assert control.ask(f"HASH {folder}/empty").text == (
        f"213 SHA-256 0-0 {digest(b'')} {folder}/empty"
    )


def test_the_name_is_told_as_it_was_given(control, path, folder):
    control.ask(f"CWD {folder}")

    assert control.ask("HASH file").text.endswith(" file")
    assert control.ask("HASH ./file").text.endswith(" ./file")


class TestOptions:
    """OPTS HASH (section 3.2) and FEAT's line (section 3.1)."""

    def test_the_algorithm_is_chosen_for_the_session(self, control, connect, path):
        assert control.ask("OPTS HASH").text == "200 SHA-256"
        assert control.ask("opts hash sha-1").text == "200 SHA-1"
        assert control.ask("OPTS HASH").text == "200 SHA-1"

        assert " HASH SHA-256;SHA-1*;MD5" in control.ask("FEAT").lines
        assert control.ask(f"HASH {path}").text.startswith("213 SHA-1 ")
        assert " HASH SHA-256*;SHA-1;MD5" in connect().ask("FEAT").lines

    def test_an_unknown_one_changes_nothing(self, control):
        control.ask("OPTS HASH MD5")
        for wrong in ("CRC-37", "SHA256", "sha-512", "MD5 MD5", "update", "__init__"):
            assert control.ask(f"OPTS HASH {wrong}").code == 501, wrong

        assert control.ask("OPTS HASH").text == "200 MD5"

    def test_rein_brings_the_default_back(self, control, path):
        control.ask("OPTS HASH MD5")
        control.ask("RANG 0 1")
        assert control.ask("REIN").code == 220
        control.login()

        assert control.ask(f"HASH {path}").text.startswith("213 SHA-256 0-9999 ")


class TestRange:
    """RANG (draft-bryan-ftp-range-08)."""

    @pytest.mark.parametrize(
        ("first", "last"), [(0, 0), (0, 99), (4095, 4096), (5000, 9999), (9999, 9999)]
    )
    def test_of_a_hash(self, control, path, first, last):
        assert control.ask(f"RANG {first} {last}").code == 350

        found = digest(CONTENT[first : last + 1])
        assert control.ask(f"HASH {path}").text == f"213 SHA-256 {first}-{last} {found} {path}"

    def test_the_end_is_cut_to_the_file_s(self, control, path):
        control.ask("RANG 9000 123456789012345678901234567890")

        found = digest(CONTENT[9000:])
        assert control.ask(f"HASH {path}").text == f"213 SHA-256 9000-9999 {found} {path}"

    def test_a_beginning_beyond_the_end_is_551(self, control, path):
        control.ask("RANG 10000 10001")

        assert control.ask(f"HASH {path}").code == 551

    def test_it_counts_for_one_command_and_1_0_resets_it(self, control, path):
        control.ask("RANG 0 9")
        control.ask(f"HASH {path}")
        assert " 0-9999 " in control.ask(f"HASH {path}").text

        control.ask("RANG 0 9")
        assert control.ask("RANG 1 0").code == 350
        assert " 0-9999 " in control.ask(f"HASH {path}").text

    @pytest.mark.parametrize("wrong", ["5 4", "2 0", "5", "a b", "1 2 3", "-1 5", "1 -1", "0"])
    def test_what_is_no_range_is_501_and_resets_it(self, control, path, wrong):
        control.ask("RANG 0 9")

        assert control.ask(f"RANG {wrong}").code == 501

        assert " 0-9999 " in control.ask(f"HASH {path}").text


class TestRangeOfRetr:
    """Section 4.3: RETR sends that piece."""

    @pytest.mark.parametrize(
        ("first", "last"), [(0, 0), (0, 4095), (1, 4096), (4000, 9999), (0, 99999), (9999, 10**20)]
    )
    def test_it_sends_from_the_first_byte_to_the_last(self, control, path, first, last):
        assert control.ask(f"RANG {first} {last}").code == 350

        assert control.fetch(f"RETR {path}") == CONTENT[first : last + 1]
        assert control.fetch(f"RETR {path}") == CONTENT, "it counts once"

    @pytest.mark.parametrize("first", [10_000, 10_001])
    def test_beyond_the_end_there_is_nothing(self, control, path, first):
        control.ask(f"RANG {first} {first + 5}")

        assert control.fetch(f"RETR {path}") == b""

    def test_it_takes_the_place_of_rest(self, control, path):
        control.ask("REST 500")
        control.ask("RANG 10 19")

        assert control.fetch(f"RETR {path}") == CONTENT[10:20]

    def test_it_needs_type_i(self, control, path):
        control.ask("TYPE A")
        control.passive_port()
        control.ask("RANG 0 9")

        assert control.ask(f"RETR {path}").code == 551

    @pytest.mark.parametrize("verb", ["STOR", "APPE"])
    def test_uploads_are_refused_and_nothing_is_changed(self, control, path, verb):
        control.passive_port()
        control.ask("RANG 0 9")

        assert control.ask(f"{verb} {path}").code == 551
        assert control.get(path) == CONTENT


class TestRefusals:
    """Section 3.5."""

    def test_what_is_missing_is_550_and_a_folder_553(self, control, folder):
        assert control.ask(f"HASH {folder}/none").code == 550
        assert control.ask(f"HASH {folder}").code == 553
        assert control.ask("HASH").code == 501

    def test_what_the_user_may_not_see_is_550(self, connect):
        assert connect("writer").ask("HASH /config.json").code == 550
        assert connect("jailed").ask("HASH /../config.json").code == 550

    def test_a_file_that_is_uploaded_is_450(self, control, connect, path):
        session = connect()
        sock = session.begin(f"STOR {path}")

        assert control.ask(f"HASH {path}").code == 450

        sock.close()
        assert session.reply().code == 226
        assert control.ask(f"HASH {path}").text.split()[3] == digest(b"")


class TestLargeFiles:
    """It takes its time, and takes it from nobody."""

    @pytest.fixture
    def endless(self, board):
        """A GiB on the card, more than a test can wait for."""
        with open(board.card / "endless", "wb") as file:
            file.truncate(1024 * MIB)
        yield "/sd/endless"
        (board.card / "endless").unlink()

    def under_way(self, session, wait_for):
        wait_for(lambda: "HASH " in session.ask("STAT").text, "the hash to begin")

    def test_32_mib_of_the_card(self, control, large):
        assert control.ask("HASH /sd/large").text.split()[3] == digest(large)

    def test_2_mib_of_the_flash_while_another_session_is_served(self, control, connect, folder):
        content = random.Random(3).randbytes(2 * MIB)
        control.ask("TYPE I")
        control.put(f"{folder}/file", content)
        waits = self.waits(connect(), control, f"{folder}/file")

        assert control.reply().text.split()[3] == digest(content)
        assert sorted(waits)[len(waits) // 2] < 0.1, waits

    def test_while_the_card_is_hashed_a_noop_is_fast(self, control, connect, endless):
        waits = self.waits(connect(), control, endless)

        control.send("ABOR")
        assert [control.reply().code, control.reply().code] == [426, 226]
        assert len(waits) == 20
        assert sorted(waits)[10] < 0.1, waits

    def waits(self, other, control, path):
        """How long NOOPs of another session take while a path is hashed, in s."""
        control.send(f"HASH {path}")
        waits = []
        while len(waits) < 20:
            began = time.monotonic()
            assert other.ask("NOOP").code == 200
            waits.append(time.monotonic() - began)
        return waits

    def test_nobody_writes_to_it_meanwhile(self, control, connect, endless, wait_for):
        control.send(f"HASH {endless}")
        self.under_way(control, wait_for)
        other = connect()
        other.passive_port()

        assert other.ask(f"STOR {endless}").code == 450
        assert other.ask(f"DELE {endless}").code == 450

        control.send("ABOR")
        assert [control.reply().code, control.reply().code] == [426, 226]
        assert control.ask("NOOP").code == 200

    @pytest.mark.parametrize("how", ["reset", "leave"])
    def test_it_ends_with_the_control_connection(
        self, control, connect, endless, wait_for, board, how
    ):
        before = board.connections()
        session = connect()
        session.send(f"HASH {endless}")
        self.under_way(session, wait_for)

        getattr(session, how)()

        wait_for(lambda: board.connections() == before, "its socket and its file to be closed")
        control.passive_port()
        assert control.ask(f"APPE {endless}").code == 150, "the file is free again"
        with contextlib.suppress(AssertionError):
            assert control.ask("ABOR").code == 426
            assert control.reply().code == 226

    def test_stat_tells_how_far_it_is(self, control, endless, wait_for):
        control.send(f"HASH {endless}")

        wait_for(lambda: self.progress(control) > MIB, "some progress")
        control.send("ABOR")
        assert [control.reply().code, control.reply().code] == [426, 226]

    def progress(self, control):
        """STAT's count of bytes."""
        found = re.search(r"HASH /sd/endless: (\d+) bytes so far", control.ask("STAT").text)
        return int(found[1]) if found else 0

    def test_it_leaves_the_data_connection_alone(self, control, path):
        """A client may ask for its data connection, then for a hash, then for the file."""
        sock = control.data()
        assert control.ask(f"HASH {path}").code == 213

        assert control.ask(f"RETR {path}").code == 150
        assert control.rest(sock) == CONTENT
        assert control.reply().code == 226

    def test_the_next_command_waits_for_it(self, control, large):
        control.send("HASH /sd/large")
        control.send("PWD")

        assert control.reply().code == 213
        assert control.reply().code == 257
