"""Names of our own become short: which ones, and what is never touched."""

import builtins
import re
import sys
import types

import pytest
from outpost.bundle.module import Merged
from outpost.bundle.rename import ROM, ROM_TOO, rename


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
        self.is_lit = False
        self._lit()

    def _lit(self):
        return self._pin
"""


def test_private_attributes_and_globals_get_words_of_the_rom():
    more = "def more():\n    global _count\n    _count += 1\n"
    text = renamed(a=f"_count = 0\n{CLASS}\n{more}")["a"]
    for name in ("_count", "_pin", "_lit"):
        assert name not in text
    assert "is_lit" not in text, "a public one, which nothing else is called"
    assert "__init__" in text
    words = {part for part in ROM if part in text.replace("(", " ").replace(".", " ").split()}
    assert len(words) >= 2


def test_names_that_never_meet_share_words():
    texts = {
        module: "".join(f"{module}{number}_name = 1\n" for number in range(50))
        for module in ("a", "b", "c", "d")
    }
    made = renamed(**texts)
    words = [set(text.split(" = 1\n")) - {""} for text in made.values()]
    assert [len(own) for own in words] == [50] * 4, "within a module all have their own"
    assert len(set().union(*words)) < 100


def test_classes_from_one_base_share_words_and_keep_those_of_the_base():
    def body(letter):
        inside = "".join(f"        self.{letter}{n}_is = {n}\n" for n in range(50))
        return f"    def __init__(self):\n{inside}"

    made = renamed(
        a=f"class Base:\n{body('a')}",
        b=f"from a import Base\nclass B(Base):\n{body('b')}",
        c=f"from a import Base\nclass C(Base):\n{body('c')}",
    )
    base, one, other = (set(re.findall(r"self\.(\w+)", made[name])) for name in "abc")
    assert [len(base), len(one), len(other)] == [50] * 3
    assert not base & (one | other)
    assert one & other


def test_what_is_borrowed_is_renamed_where_it_is_named():
    made = renamed(
        a="def tell_all(one):\n    return one\n",
        b='from services import borrow\nprint(borrow("a", "tell_all")(7))\n',
    )
    word = re.search(r"def (\w+)", made["a"])[1]
    assert word != "tell_all"
    assert f'borrow("a", "{word}")' in made["b"]


def test_what_a_text_names_elsewhere_too_is_borrowed_by_its_name():
    made = renamed(
        a="def tell_all(one):\n    return one\n",
        b='VERBS = ("tell_all",)\nprint(borrow("a", "tell_all"), borrow("a", VERBS[0]))\n',
    )
    assert "tell_all" in made["a"]
    assert 'borrow("a", "tell_all")' in made["b"]


def test_a_name_more_leaves_nearly_all_others_as_they_are():
    texts = {
        module: "".join(f"{module}{number}_name = 1\n" for number in range(20))
        for module in ("a", "b", "c", "d")
    }
    before = renamed(**texts)
    after = renamed(**{**texts, "a": f"one_more_name = 1\n{texts['a']}"})
    assert [after[name] for name in "bcd"] == [before[name] for name in "bcd"]


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
    word = made["b"].split()[3]  # from a import ...
    exec(made["b"].split("\n", 1)[1], scope)
    both = scope[made["b"].split("class ")[1].split("(")[0]]
    assert issubclass(both, scope[word])
    assert list(vars(both()).values()) == [1]


@pytest.mark.parametrize(
    "text",
    {
        "named by a text": 'WHAT = getattr(x, "secret")\nsecret = 1\n',
        "in a list of names": 'WHAT = "secret other".split()\nsecret = WHAT\n',
        "a verb": 'WHAT = b" secret:a "\ndef secret(session):\n    pass\n',
        "given by its keyword": "def f(secret):\n    return secret\nf(secret=1)\n",
        "of a base that is not ours": (
            "import io\nclass A(io.IOBase):\n    def secret(self):\n        return self.secret\n"
        ),
        "imported from elsewhere": "from elsewhere import secret\nsecret()\n",
        "a module": "from services import secret\nprint(secret)\n",
        "a constant of the compiler": "from micropython import const\nsecret = const(1)\n",
        "special": "class A:\n    def __secret__(self):\n        pass\n",
        "a task that is borrowed": (
            'async def secret():\n    pass\ncreate_task(borrow("a", "secret")())\n'
        ),
        "a task": "async def secret():\n    pass\ncreate_task(secret())\n",
        "a function in a function": "def f():\n    def secret():\n        pass\n    secret()\n",
    }.values(),
    ids=str,
)
def test_what_others_may_ask_for_stays(text):
    made = renamed(a=text, services__secret="")["a"]
    assert made.count("secret") == text.count("secret")


def test_what_modules_of_boards_have_stays():
    text = "class A:\n    def readinto(self):\n        self.deinit = self.socket = 1\n"
    made = renamed(a=text)["a"]
    for name in ("readinto", "deinit", "socket"):
        assert name in made


def test_public_names_are_the_same_in_each_module():
    made = renamed(
        a="class Lamp:\n    glow = 1\n    def lit_up(self):\n        return self.glow\n",
        b="from a import Lamp\nshown = Lamp().lit_up() + Lamp.glow\n",
        c="def f():\n    from a import Lamp\n    return Lamp().lit_up()\n",
    )
    for name in ("Lamp", "glow", "lit_up", "shown"):
        assert name not in made["a"] + made["b"]
    assert " as Lamp\n" in made["c"], "a local name, which costs nothing"
    sys.modules["a"] = a = types.ModuleType("a")
    try:
        exec(made["a"], vars(a))
        scope = {}
        exec(made["b"], scope)
        assert scope[made["b"].split("\n")[1].split()[0]] == 2
        function = made["c"].split()[1].split("(")[0]
        exec(made["c"], scope)
        assert scope[function]() == 1
    finally:
        del sys.modules["a"]


def test_what_boards_run_as_source_stays_as_it_is():
    text = "_LOOK = 5\nprint(_LOOK)\n"
    assert renamed(main=text)["main"] == text


def test_a_word_that_the_tree_has_itself_is_taken_by_nobody():
    used = "\n".join(f"x.{word}" for word in (*ROM, *ROM_TOO))
    text = renamed(a=f"_secret = 1\n{used}\n")["a"]
    assert text[0] == "_"
    assert not text.startswith("_secret")


def test_no_word_is_one_that_the_compiler_asks_for_by_itself():
    """`async with` asks for BaseException, `assert` for AssertionError (py/compile.c)."""
    raised = {name for name, value in vars(builtins).items() if _is_exception(value)}
    assert not raised & {*ROM, *ROM_TOO}


def _is_exception(value):
    return isinstance(value, type) and issubclass(value, BaseException)


def test_the_words_cost_an_interpreter_no_heap(micropython):
    """Each is in its ROM: to ask for them all makes no new name."""
    script = f"""
import micropython, sys
words = "{" ".join((*ROM, *ROM_TOO))}".split()
micropython.qstr_info()
for word in words:
    getattr(sys, word, None)
micropython.qstr_info()
"""
    first, last = micropython(script).splitlines()
    assert first == last
