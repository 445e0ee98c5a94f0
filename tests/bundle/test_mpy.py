"""Fewer line numbers: what runs is the same, and a traceback still names the function."""

import re
import subprocess

import pytest
from outpost import bundle
from outpost.bundle import mpy
from outpost.sim.interpreters import interpreter

TREE = bundle.tree_root()
CACHE = TREE / "build" / "mpy"
LONG = "".join(f"    x{number} = text + str({number})\n" for number in range(40))
TEXT = f"""

def outer(text, more=(1, "two", b"three", 4.5, None, (6,), 1 << 70), *, key="k" * 300):
{LONG}
    def inner(a, b):
        c = [a for a in range(3)]
        return lambda: (a, b, c, text, 1 // more)

    return inner(1, 2)()


async def waits():
    raise ValueError("äö")


class Lamp:
    def lit(self):
        outer("x", 0)
"""
RUNS = """
import m
try:
    m.Lamp().lit()
except ZeroDivisionError as error:
    import sys
    sys.print_exception(error, sys.stdout)
try:
    m.waits().send(None)
except ValueError as error:
    sys.print_exception(error, sys.stdout)
print(m.outer("x", 7), m.outer("y", 2, key=1))
"""


def run(folder, content):
    """What RUNS prints with content as module m."""
    folder.mkdir()
    (folder / "m.mpy").write_bytes(content)
    done = subprocess.run(
        [*interpreter().plain, "-c", RUNS], cwd=folder, capture_output=True, text=True, timeout=20
    )
    assert not done.stderr
    return done.stdout


def places(printed):
    return [(int(line), name) for line, name in re.findall(r'"m", line (\d+), in (\S+)', printed)]


@pytest.fixture(scope="module")
def whole():
    return bundle.compiled(TEXT.encode(), "m", CACHE)


@pytest.mark.parametrize("stretch", [1, 16, 100, 10**6])
def test_the_code_is_the_same(tmp_path, whole, stretch):
    before = run(tmp_path / "whole", whole)
    after = run(tmp_path / "thin", mpy.thinned(whole, stretch))
    assert re.sub(r"line \d+", "", after) == re.sub(r"line \d+", "", before)
    assert len(places(before)) == 4
    for (line, name), (thin, same) in zip(places(before), places(after), strict=True):
        assert name == same
        assert thin <= line
        if stretch == 1:
            assert thin == line
        if stretch == 100:
            assert line - thin < 25


def test_each_function_has_its_first_line(tmp_path, whole):
    lines = TEXT.split("\n")
    for line, name in places(run(tmp_path / "thin", mpy.thinned(whole, 10**6))):
        if name not in ("<module>", "<lambda>"):
            assert f"def {name}" in lines[line - 2]


def test_the_bundle_is_smaller_by_it():
    for one in bundle.merged(TREE):
        if one.place == "/services_ftp_server.py":
            text = one.text.encode()
    whole = bundle.compiled(text, "services_ftp_server", CACHE)
    there = {file.path: file.content for file in bundle.modules(TREE)}
    assert len(there["/services_ftp_server.mpy"]) < 0.97 * len(whole)


@pytest.mark.parametrize("content", [b"", b"M\x05\x00\x1f", b"def f():\n    pass\n"])
def test_what_is_no_module_is_refused(content):
    with pytest.raises(mpy.FormatError):
        mpy.thinned(content, 128)
