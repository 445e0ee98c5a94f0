"""Paths and globs against posixpath, pathlib and fnmatch: no path leaves its root."""

import fnmatch
import posixpath
import time
from pathlib import PurePosixPath

from fuzz.interpreter import many
from fuzz.model import meant
from hypothesis import given
from hypothesis import strategies as st

DEVICE = """
from services.ftp.files.paths import inside, is_within, join, matches, resolve, seen, split

def go(root, arguments):
    cwd = "/"
    for argument in arguments:
        cwd = resolve(cwd, argument)
    path = inside(root, cwd)
    return cwd, path, seen(root, path)
"""

PARTS = st.sampled_from(
    ["..", ".", "", "/", "//", "a", "b", "...", ".. ", " ..", "a/..", "☃", "..a", "~", "\\..", "é"]
)
ARGUMENTS = st.lists(st.one_of(PARTS, st.text(max_size=4)), max_size=9).map("/".join)
ROOTS = st.sampled_from(["/", "/jail", "/a/b", "/a", "/..."])
NORMAL = st.lists(st.sampled_from(["a", "ab", "b", "☃", ".a"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
# fnmatch knows [sets] too, which no FTP client sends: there is none in what it is asked.
NAMES = st.text(st.sampled_from("abA.*?é☃ \\-[]"), max_size=9)


@given(ROOTS, st.lists(ARGUMENTS, min_size=1, max_size=4))
@many(500)
def test_no_path_leaves_its_root(device, root, arguments):
    cwd, path, seen = device("go", root, arguments)

    expected = "/"
    for argument in arguments:
        expected = meant(expected, argument)
    assert cwd == expected
    assert seen == cwd
    assert ".." not in PurePosixPath(path).parts
    assert PurePosixPath(path).is_relative_to(root)
    assert path == posixpath.normpath(posixpath.join(root, cwd[1:]))


@given(NORMAL, NORMAL)
@many(200)
def test_a_path_is_within_a_folder_where_pathlib_says_so(device, folder, path):
    assert device("is_within", folder, path) == PurePosixPath(path).is_relative_to(folder)


@given(NORMAL)
@many(100)
def test_folder_and_name_make_the_path_again(device, path):
    folder, name = device("split", path)

    assert (folder, name) == posixpath.split(path)
    assert device("join", folder, name) == path


@given(NAMES, NAMES)
@many(800)
def test_a_glob_matches_what_fnmatch_matches(device, pattern, name):
    expected = fnmatch.fnmatchcase(name, pattern)

    assert device("matches", pattern, name) == expected


@given(st.lists(st.sampled_from(["*", "a", "?", "*a", "b"]), max_size=250), st.integers(0, 250))
@many(30)
def test_no_glob_takes_exponential_time(device, pattern, length):
    before = time.monotonic()
    device("matches", "".join(pattern) + "b", "a" * length)
    assert time.monotonic() - before < 2
