"""Modules that become one: their names, their imports, and the lines they come from."""

import subprocess

import pytest
from outpost.bundle.merge import Merger
from outpost.bundle.module import Module
from outpost.bundle.symbols import Group, MergeError
from outpost.sim.interpreters import interpreter


def merged(files, *groups):
    """{place: text} and the groups' members -> {name: Merged}."""
    modules = [
        Module(place[1:-3].replace("/", ".").removesuffix(".__init__"), text, place)
        for place, text in files.items()
    ]
    made = Merger(modules, [Group(members[0], tuple(members)) for members in groups]).result()
    return {one.name: one for one in made}


def test_a_name_that_two_modules_have_becomes_two(run):
    made = merged(
        {
            "/a.py": "from b import twice\n_X = 1\n\ndef ask():\n    return twice() + _X\n",
            "/b.py": "_X = 10\n\ndef twice():\n    return 2 * _X\n",
        },
        ("a", "b"),
    )
    assert list(made) == ["a"]
    assert run(made, "import a; print(a.ask())") == "21\n"


def test_constants_of_one_name_keep_their_values(run):
    made = merged(
        {
            "/a.py": (
                "from micropython import const\nimport b\n_X = const(1)\n"
                "def ask():\n    return _X, b.ask()\n"
            ),
            "/b.py": ("from micropython import const\n_X = const(2)\ndef ask():\n    return _X\n"),
        },
        ("a", "b"),
    )
    assert run(made, "import a; print(a.ask())") == "(1, 2)\n"


def test_others_find_what_has_moved(run):
    made = merged(
        {
            "/p/__init__.py": "",
            "/p/a.py": "from p import b\ndef ask():\n    return b.ask() + 1\n",
            "/p/b.py": "state = 1\ndef ask():\n    return state\n",
            "/late.py": (
                "from p import b\nfrom p.b import ask as of_b\n"
                "def go():\n    from p.a import ask\n    b.state = 5\n    return ask(), of_b()\n"
            ),
        },
        ("p.a", "p.b"),
    )
    assert set(made) == {"p.a", "late"}, "an empty package is none"
    assert run(made, "import late; print(late.go())") == "(6, 5)\n"


def test_local_names_and_arguments_stay(run):
    made = merged(
        {
            "/a.py": (
                "import b\ndef find(x):\n    return x\n"
                "def ask(find):\n    return [find for find in (find, b.find(1))]\n"
                "def set_it():\n    global find\n    find = 7\n    return find\n"
            ),
            "/b.py": "def find(y):\n    x = y\n    return lambda x=x: x + 1\n",
        },
        ("a", "b"),
    )
    said = run(made, "import a; r = a.ask(3); print(r[0], r[1](), a.find(4), a.set_it())")
    assert said == "3 2 4 7\n"


def test_what_a_function_imports_is_found_where_it_has_moved(run):
    made = merged(
        {
            "/a.py": "def ask():\n    from b import find\n"
            "    return find()\n\ndef own():\n    find = 3\n    return find\n",
            "/b.py": "def find():\n    return 2\n",
            "/late.py": "def go():\n    import b as other\n    return other.find()\n",
        },
        ("a", "b"),
    )
    assert run(made, "import a, late; print(a.ask(), a.own(), late.go())") == "2 3 2\n"


def test_a_text_of_several_lines_stays_whole(run):
    text = "one\n\n# two\n"
    made = merged({"/a.py": "import b\n", "/b.py": f'PAGE = """{text}"""\n'}, ("a", "b"))
    assert run(made, "import a; print(repr(a.PAGE))") == f"{text!r}\n"


def test_a_module_s_name_in_a_text_leads_to_its_place():
    made = merged(
        {"/a.py": "import b\n", "/b.py": "x = 1\n", "/d.py": 'WHERE = "p.b"\n'},
        ("a", "b"),
    )
    assert made["d"].text == 'WHERE = "p.b"\n'
    made = merged(
        {"/p/a.py": "from p import b\n", "/p/b.py": "x = 1\n", "/d.py": 'WHERE = "p.b"\n'},
        ("p.a", "p.b"),
    )
    assert made["d"].text == 'WHERE = "p.a"\n'


def test_each_line_knows_where_it_comes_from():
    made = merged(
        {
            "/a.py": '"""Of a."""\n\nimport b\n\n# why\ndef ask():\n    return b.ask()\n',
            "/b.py": '"""Of b,\nat length."""\n\ndef ask():\n    return 1\n',
        },
        ("a", "b"),
    )["a"]
    lines = made.text.split("\n")
    found = {
        lines[number]: place for number, place in enumerate(made.lines) if lines[number].strip()
    }
    assert found["    return 1"] == ("/b.py", 5)
    assert found["    return ask_b()"] == ("/a.py", 7)
    assert "Of " not in made.text


def test_a_function_s_import_that_hides_a_global_is_named():
    text = "def find():\n    return 1\n\ndef ask():\n    from b import find\n    return find()\n"
    with pytest.raises(MergeError, match=r"/a.py:5: find is imported, and a global besides"):
        merged({"/a.py": text, "/b.py": "def find():\n    return 2\n"}, ("a", "b"))


def test_an_argument_that_hides_what_is_imported_is_named():
    text = "def ask(find):\n    from b import find as parsed\n    return parsed(find)\n"
    with pytest.raises(MergeError, match=r"/a.py:2: parsed is find where it comes from"):
        merged({"/a.py": text, "/b.py": "def find(x):\n    return x\n"}, ("a", "b"))


def test_a_circle_of_imports_is_named():
    with pytest.raises(MergeError, match="a -> b -> a"):
        merged({"/a.py": "import b\n", "/b.py": "import a\n"}, ("a", "b"))


def test_a_module_that_is_handed_around_is_the_merged_one():
    within = merged({"/a.py": "import b\nprint(b)\n", "/b.py": ""}, ("a", "b"))
    assert within["a"].text == '\nprint(__import__("a", None, None, ("*",)))\n'.lstrip("\n")
    beside = merged(
        {"/a.py": "", "/b.py": "", "/c.py": "def f():\n    import b\n    return b\n"}, ("a", "b")
    )
    assert beside["c"].text == "def f():\n    import a as b\n    return b\n"


@pytest.fixture
def run(tmp_path):
    """Run a line in MicroPython beside merged modules; returns what it prints."""

    def start(made, line):
        for one in made.values():
            path = tmp_path / one.place.lstrip("/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(one.text)
        done = subprocess.run(
            [*interpreter().plain, "-c", line],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert not done.stderr, done.stderr
        return done.stdout

    return start
