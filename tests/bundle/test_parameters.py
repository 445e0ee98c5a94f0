"""Parameters become short: which ones, and that each function still does the same."""

import ast

import pytest
from outpost.bundle import parameters
from outpost.bundle.module import Module

WORDS = ("p", "q", "r", "s")


def shortened(text, kept=()):
    """The text of a module with its parameters renamed."""
    module = Module("a", text, "/a.py")
    for line, column, name, word in parameters.places(module.tree, set(kept), WORDS):
        module.replace(line, column, column + len(name), word)
    return "\n".join(module.edited())


SAME = {
    "nested": (
        "def f(one, two):\n"
        "    def inner(three, two=two):\n"
        "        return one, two, three\n"
        "    return inner(7)\n"
    ),
    "a local of the same name": (
        "def f(one, two):\n"
        "    def inner():\n"
        "        two = 3\n"
        "        return one, two\n"
        "    return inner() + (two,)\n"
    ),
    "comprehensions and lambdas": (
        "def f(one, two):\n"
        "    g = lambda one: (one, two)\n"
        "    return [two for two in (one, 5)], g(9), [one + two for x in range(2)]\n"
    ),
    "assigned anew": "def f(one, two):\n    one += two\n    two: int = one\n    return one, two\n",
    "an exception and an import": (
        "def f(one, two):\n"
        "    try:\n"
        "        1 // 0\n"
        "    except ZeroDivisionError as one:\n"
        "        two = str(one)\n"
        "    import sys as one\n"
        "    return two, one.byteorder\n"
    ),
    "nonlocal": (
        "def f(one, two):\n"
        "    def inner():\n"
        "        nonlocal one\n"
        "        one += 1\n"
        "    inner()\n"
        "    return one, two\n"
    ),
    "more than there are words": (
        "def f(one, two, c=3, d=4, e=5):\n    return one, two, c, d, e\n"
    ),
    "stars": "def f(one, *two, three=1, **more):\n    return one, two, three, more\n",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_function_does_the_same(text):
    made = shortened(text)
    before, after = {}, {}
    exec(text, before)
    exec(made, after)
    assert after["f"](1, 2) == before["f"](1, 2)


def test_functions_share_the_words():
    made = shortened("def f(one, two):\n    pass\n\ndef g(three):\n    return three\n")
    assert made == "def f(p, q):\n    pass\n\ndef g(p):\n    return p\n"


def test_what_is_given_by_its_keyword_stays():
    made = shortened("def f(self, one, two):\n    return one, two\n", kept={"two"})
    assert made == "def f(self, p, two):\n    return p, two\n"


def test_a_function_in_another_has_other_words():
    made = ast.parse(shortened("def f(one):\n    return lambda two: one\n"))
    names = {node.arg for node in ast.walk(made) if isinstance(node, ast.arg)}
    assert len(names) == 2
