"""Texts that move from the modules into a file: which ones, and that they arrive whole."""

import ast

import pytest
from outpost import bundle
from outpost.bundle.module import Merged, Module
from outpost.bundle.texts import PATH, Texts, moved

TREE = bundle.tree_root()
HOME = Merged("hal", "/hal/__init__.py", "_TEXTS = const(0)\n", [("/hal/__init__.py", 1)])
LONG = "Words that are told seldom."


def module(text, name="services.x"):
    """A module of the bundle, as it is before its texts are moved."""
    place = f"/{name.replace('.', '/')}.py"
    lines = text.split("\n")
    return Merged(name, place, text, [(place, number + 1) for number in range(len(lines))])


def split(text, name="services.x"):
    """(the module's text without what was moved, the texts moved as a list)."""
    (_, one), texts = moved([HOME, module(text, name)], bundle.PLAIN)
    assert len(one.text.split("\n")) == len(one.lines)
    ast.parse(one.text)
    return one.text, list(texts.values())


@pytest.mark.parametrize(
    "line",
    [
        f'return 550, "{LONG}"',
        f'return (504 if x else 501), "{LONG}"',
        f'raise FTPError(425, "{LONG}")',
        f'raise ValueError("{LONG}")',
        f'x.end(421, "{LONG}")',
        f'x = "{LONG}"  # cold',
        f'x = "{LONG}"  # cold: once a year',
        f'x = {{1: "{LONG}"}}  # cold',
        f'raise OSError("{LONG}" if x else "no")',
        f'raise OSError(x + "{LONG}")',
    ],
)
def test_what_moves(line):
    text, texts = split(f"import a\ndef go(x):\n    {line}\n")
    assert texts == [LONG]
    assert LONG not in text
    assert text.startswith("import a; from hal import text_at\n")


@pytest.mark.parametrize(
    "line",
    [
        f'return 226, "{LONG}"',
        f'return "{LONG}"',
        f'return 550, "{LONG}"  # hot',
        f'raise FTPError(425, "{LONG}")  # hot: while memory is short',
        f'raise ValueError(find("{LONG}"))',
        'return 550, "Only short"',
        'raise KeyError("a_name_that_is_one")',
        'return 550, b"Words that are told seldom"',
        'return 550, "Two lines of words\\nin one text"',
    ],
)
def test_what_stays(line):
    source = f"import a\ndef go(x):\n    {line}\n"
    assert split(source) == (source, [])


def test_outside_of_functions_all_stays():
    source = (
        f'"""{LONG}"""\nX = 550, "{LONG}"\nclass Y:\n    Z = "{LONG}"  # cold\n'
        f'    def z(self, x="{LONG}"):  # cold\n        """{LONG}"""  # cold\n'
    )
    assert split(source) == (source, [])


@pytest.mark.parametrize(
    "name",
    ["hal.opening", "config", "jsontext", "main", "boot", "recovery", "services.ftp_options"],
)
def test_what_boots_goes_or_is_hal_keeps_its_texts(name):
    source = f'def go():\n    raise ValueError("{LONG}")\n'
    assert split(source, name) == (source, [])


def test_without_an_import_one_comes_first():
    text, _ = split(f'def go():\n    raise ValueError("{LONG}")\n')
    assert text.split("\n")[0] == "from hal import text_at"


def test_a_tree_without_a_reader_keeps_its_texts():
    one = module(f'def go():\n    raise ValueError("{LONG}")\n')
    assert moved([one]) == ([one], Texts())


def test_a_name_of_the_readers_is_named():
    source = f'def go(text_at):\n    raise ValueError("{LONG}")\n'
    with pytest.raises(bundle.MergeError, match=r"/services/x.py: text_at"):
        split(source)


def test_a_text_that_stands_twice_is_there_once():
    source = f'def go(x):\n    if x:\n        return 550, "{LONG}"\n    return 501, "{LONG}"\n'
    text, texts = split(source)
    assert texts == [LONG]
    assert text.count("text_at(0)") == text.count("text_at(") == 2


def test_the_version_is_of_the_texts():
    def version(text):
        (home, _), texts = moved([HOME, module(f'def go():\n    raise ValueError("{text}")\n')])
        assert home.text == f"_TEXTS = const({texts.version})\n"
        assert texts.content.startswith(f"{texts.version:07x}\n".encode())
        return texts.version

    assert version(LONG) == version(LONG) != version(LONG + "!")
    assert 0 <= version(LONG) < 1 << 28


FORMATS = """
def one(x):
    raise ValueError("%s is what was given" % x)

def two(x):
    raise ValueError("%s is 100 %% of %d" % (x, len(x)))

def lines(x):
    raise ValueError(
        "%s stands on %s "  # not % this
        "two lines"
        % (
            x,
            "more",
        )
    )

def within(x):
    raise ValueError("Outer words, %s" % ("inner words, %s" % x))

def chosen(x):
    raise ValueError("all words: %s" % (x or "none") + ", and more words")

def plain(x):
    raise ValueError("50% off, %s and %d stay")

def tail(x):
    return (
        550,
        "Umlauts: äöü € %s"
        % x,
    )[1]

def late(x):
    text = "%s was put down for later"  # cold
    return text % x
"""
NAMES = [node.name for node in ast.parse(FORMATS).body]


def test_they_arrive_as_they_were(tmp_path, micropython):
    """The same calls with and without the step, in the interpreter."""
    reader = (TREE / "hal/texts.py").read_text()
    home = Merged("hal", "/hal/__init__.py", reader, [])
    (home, one), texts = moved([home, module("import sys\n" + FORMATS)])
    assert len(texts) == len(NAMES) + 1  # chosen() has two
    assert len(one.text.split("\n")) == len(one.lines)
    (tmp_path / "texts").write_bytes(texts.content)
    (tmp_path / "hal.py").write_text(home.text)
    (tmp_path / "moved.py").write_text(one.text)
    (tmp_path / "plain.py").write_text("import sys\n" + FORMATS)
    said = micropython(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport moved, plain\n"
        "def said(module, name):\n"
        "    try:\n        return getattr(module, name)('x y')\n"
        "    except ValueError as error:\n        return str(error)\n"
        f"for name in {NAMES}:\n"
        "    there, here = said(moved, name), said(plain, name)\n"
        "    print(name, there == here, there)\n"
    )
    assert [line.split()[:2] for line in said.splitlines()] == [[name, "True"] for name in NAMES]


READ = """
import sys
sys.path.insert(0, {folder!r})
from texts import text_at
"""


@pytest.fixture
def read(tmp_path, micropython):
    """Run code with hal/texts.py's text_at, which finds what was written: (content, code)."""

    def run(content, code, version=0xABCDEF):
        if content is not None:
            (tmp_path / "texts").write_bytes(content)
        reader = (TREE / "hal/texts.py").read_text()
        (tmp_path / "texts.py").write_text(reader.replace("const(0)", f"const({version})"))
        return micropython(READ.format(folder=str(tmp_path)) + code)

    return run


GOOD = b"0abcdef\nfirst text\nof %s and %d\n"


class TestTheReader:
    def test_finds_a_text(self, read):
        assert read(GOOD, "print(text_at(0), text_at(11, ('x', 3)))") == "first text of x and 3\n"

    @pytest.mark.parametrize(
        "content",
        [
            None,
            b"",
            b"0abcd",
            b"0abcdee\nfirst text\n",  # of another version
            b"no number at all",
            b"0abcdef\nfirst te",  # cut
            b"0abcdef\n\xff\xfe\n",  # no text
            b"0abcdef\n%s%d\n",  # takes other values
        ],
    )
    def test_tells_the_number_where_it_finds_none(self, read, content):
        said = read(content, "print(text_at(0)); print(text_at(0, ('x',))); print(text_at(0, 7))")
        assert said == "text 0\ntext 0: ('x',)\ntext 0: 7\n"

    def test_needs_no_memory_to_say_so(self, read):
        said = read(
            GOOD,
            "from micropython import heap_lock, heap_unlock\nx = y = None\nheap_lock()\n"
            "x = text_at(0)\ny = text_at(11, 5)\nheap_unlock()\nprint(x, y)",
        )
        assert said == "text text\n"

    def test_reads_a_file_within_a_larger_one(self, read):
        code = (
            "import builtins\nplain = open\ndef inner(path, mode):\n"
            "    file = plain(path, mode)\n    file.seek(5)\n    return file\n"
            "builtins.open = inner\nprint(text_at(0), '|', text_at(11, ('x', 3)))"
        )
        assert read(b"12345" + GOOD, code) == "first text | of x and 3\n"


class TestTheBundle:
    def test_has_each_text_at_its_place(self):
        content = next(f.content for f in bundle.modules(TREE) if f.path == PATH)
        texts = bundle.built(TREE).texts
        assert content == texts.content
        for place, text in texts.items():
            begin = 8 + place
            assert content[begin : content.index(b"\n", begin)].decode() == text

    def test_asks_for_no_other_place(self):
        built = bundle.built(TREE)
        found = set()
        for one in built.modules:
            if "from hal import" in one.text:
                tree = Module(one.name, one.text, one.place).tree
                for node in ast.walk(tree):
                    if isinstance(node, ast.ImportFrom) and node.module == "hal":
                        for alias in node.names:
                            found |= _places(tree, alias.asname or alias.name)
        assert found >= set(built.texts)

    def test_of_firmware_has_none(self):
        built = bundle.built(TREE, frozen=True)
        assert not built.texts
        whole = "".join(one.text for one in built.modules)
        assert "_TEXTS" not in whole
        assert "Not a directory." in whole
        assert bundle.bundle_id(built.modules) != bundle.bundle_id(bundle.merged(TREE))

    def test_as_source_has_none(self):
        assert PATH not in {file.path for file in bundle.device_files(TREE, source=True)}


def _places(tree, name):
    """The first arguments of the calls of a function, where these are numbers."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) == name
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


@pytest.mark.parametrize("name", [*bundle.BOOT, *bundle.READERS])
def test_what_comes_before_the_archive_keeps_its_texts(name):
    """It can't ask hal for them, which lies in the archive."""
    assert split(f'def go(x):\n    raise ValueError("{LONG}")\n', name)[1] == []
