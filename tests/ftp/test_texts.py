"""Texts on flash: a board reads them when it tells them, and does without where it can't."""

import contextlib

import archives
import pytest
from outpost import bundle
from outpost.bundle import maps
from outpost.bundle.texts import PATH
from outpost.bundle.trace import Trace

TREE = bundle.tree_root()
ASKED = "RNTO x"  # behind no RNFR
TEXT = "Send RNFR first."


def with_texts(texts):
    """The board's archive with other bytes for its texts, which are its end."""
    (whole,) = (file.content for file in bundle.device_files(TREE) if file.path == bundle.ARCHIVE)
    content = bundle.built(TREE).texts.content
    assert whole.endswith(content)
    return whole.removesuffix(content) + texts


def bring(control, archive):
    """Put an archive in the place of the board's."""
    assert control.ask("TYPE I").code == 200
    control.put(bundle.ARCHIVE, archive)


@pytest.fixture(scope="module")
def content():
    """The bytes of the texts."""
    return bundle.built(TREE).texts.content


@pytest.fixture(scope="module")
def number():
    """What is told where the text can't be."""
    texts = bundle.built(TREE).texts
    return next(f"text {place}" for place, text in texts.items() if text == TEXT)


@pytest.fixture(autouse=True)
def whole(connect, content):
    """What a test does to the file is undone."""
    yield
    bring(connect(), with_texts(content))


def test_they_arrive_whole(control):
    assert control.ask(ASKED).text == f"503 {TEXT}"
    assert control.ask("HELP NONE").text == (
        "501 There is no command NONE; HELP lists those there are."
    )
    assert control.ask("PORT 1,2,3,4,5,6").text == (
        "501 Only to your own address, 127.0.0.1 (RFC 2577)."
    )


def test_an_archive_without_them(control, number):
    bring(control, archives.archive_with(remove=[PATH]))
    assert control.ask(ASKED).text == f"503 {number}"
    assert control.ask("HELP NONE").text.endswith(": NONE"), "what was wrong is told all the same"
    assert control.ask("STAT").code == 211

    bring(control, with_texts(bundle.built(TREE).texts.content))
    assert control.ask(ASKED).text == f"503 {TEXT}"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda content: b"%07x\n" % (int(content[:7], 16) ^ 1) + content[8:],
        lambda content: content[:100],
        lambda content: b"",
        lambda content: bytes(len(content)),
        lambda content: content[:8] + b"\xff" * len(content),
    ],
    ids=["of another bundle", "cut", "empty", "zeros", "damaged"],
)
def test_texts_that_are_wrong(control, content, number, wrong):
    bring(control, with_texts(wrong(content)))
    for _ in range(3):  # no file is left open either
        assert control.ask(ASKED).text == f"503 {number}"


def test_the_number_is_explained(number):
    trace = Trace(maps.of_tree(TREE))
    assert trace.explained(f"503 {number}\r\n") == f"503 {number} ({TEXT})\r\n"
    assert trace.explained("503 text 999999") == "503 text 999999"


class TestWithoutMemory:
    @pytest.fixture
    def board(self, watched_board):
        return watched_board

    @pytest.mark.parametrize("leave", [6_000, 3_000, 2_000, 1_500, 1_000])
    def test_a_reply_has_its_text_or_its_number(self, board, connect, heap_eaten, leave):
        session = connect()
        said = []
        # Sent away for want of memory: that takes no text of the file.
        with heap_eaten(board, leave), contextlib.suppress(ConnectionError):
            said = [session.ask("REST x").text for _ in range(3)]
        for text in said:
            known = (
                "501 REST takes a number of bytes.",
                "451 Not enough memory just now; try again.",
            )
            assert text in known or text.startswith("501 text"), text
        assert connect().ask(ASKED).text == f"503 {TEXT}"
