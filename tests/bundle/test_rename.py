"""Private names become short: which ones, and what is never touched."""

from outpost.bundle.merge import Merged
from outpost.bundle.rename import ROM, rename


def renamed(**texts):
    """The texts of modules after the renaming, by name."""
    merged = [
        Merged(name, f"/{name}.py", text, [(f"/{name}.py", n) for n in range(text.count("\n"))])
        for name, text in texts.items()
    ]
    return {one.name: one.text for one in rename(merged, {"/main.py"})}


CLASS = """
class Lamp:
    def __init__(self, pin):
        self._pin = pin
        self.on = False
        self._lit()

    def _lit(self):
        return self._pin
"""


def test_private_attributes_and_globals_get_words_of_the_rom():
    text = renamed(a=f"_count = 0\n{CLASS}\ndef more():\n    global _count\n    _count += 1\n")[
        "a"
    ]
    for name in ("_count", "_pin", "_lit"):
        assert name not in text
    assert "self.on" in text
    assert "__init__" in text
    words = {part for part in ROM if part in text.replace("(", " ").replace(".", " ").split()}
    assert len(words) >= 2


def test_names_that_never_meet_share_a_word():
    text = renamed(a="_one = 1\n", b="_two = 2\n")
    assert text["a"].split()[0] == text["b"].split()[0]


def test_a_class_and_its_base_keep_their_names_apart():
    made = renamed(
        a="class A:\n    def _x(self):\n        return 1\n",
        b=(
            "from a import A\nclass B(A):\n    def _y(self):\n        return self._x()\n"
            "    def __init__(self):\n        self.v = self._y()\n"
        ),
    )
    scope = {}
    exec(made["a"], scope)
    exec(made["b"].replace("from a import A\n", ""), scope)
    assert scope["B"]().v == 1


def test_what_others_may_ask_for_stays():
    keeps = {
        "asked of another object": "def f(x):\n    return x._secret\nclass A:\n    _secret = 1\n",
        "named in a text": 'WHAT = "_secret"\n_secret = 1\n',
        "of a base that is not ours": (
            "import io\nclass A(io.IOBase):\n    def _secret(self):\n        return self._secret\n"
        ),
        "an argument": "def f(_secret=1):\n    return _secret\n_secret = 2\n",
        "imported": "from a import _secret\n",
        "a constant of the compiler": "from micropython import const\n_secret = const(1)\n",
        "special": "class A:\n    def __secret__(self):\n        pass\n",
    }
    for why, text in keeps.items():
        assert renamed(a=text)["a"] == text, why


def test_what_boards_run_as_source_stays_as_it_is():
    text = "_LOOK = 5\nprint(_LOOK)\n"
    assert renamed(main=text)["main"] == text


def test_a_word_that_the_tree_has_itself_is_taken_by_nobody():
    used = "\n".join(f"x.{word}" for word in ROM)
    text = renamed(a=f"_secret = 1\n{used}\n")["a"]
    assert text.startswith("_a = 1\n")


def test_no_word_is_one_that_the_compiler_asks_for_by_itself():
    """`async with` asks for BaseException, `assert` for AssertionError (py/compile.c)."""
    assert not [word for word in ROM if not word[0].islower()]
