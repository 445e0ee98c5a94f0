"""Frequent names have short numbers: the module does the same, and keeps less heap."""

from outpost import bundle
from outpost.bundle.frequent import numbered
from outpost.bundle.module import Merged

CACHE = bundle.tree_root() / "build" / "mpy"
NAMES = [f"name{number}" for number in range(200)]
TEXT = (
    "from micropython import const\n_ONE = const(1)\n"
    + "".join(f"{name} = {number}\n" for number, name in enumerate(NAMES))
    + "def total():\n    inner = [each for each in (1, 2)]\n"
    + "".join(f"    inner.append({name} + {name})\n" for name in NAMES[150:])
    + "    return sum(inner) + _ONE\n"
)


def merged(text):
    return Merged("a", "/a.py", text, [("/a.py", n + 1) for n in range(text.count("\n") + 1)])


RUN = """
import gc, sys
sys.path.insert(0, sys.argv[1])
for n in range(330):  # names: so many that the module's don't need another pool of them
    getattr(sys, "name_%d" % n, None)
gc.collect()
before = gc.mem_alloc()
import a
gc.collect()
print(a.total(), gc.mem_alloc() - before)
"""


def test_a_module_of_many_names_keeps_less_and_does_the_same(micropython, tmp_path):
    (made,) = numbered([merged(TEXT)])
    assert made.text.split("\n", 1)[1] == TEXT
    assert made.lines[1:] == merged(TEXT).lines
    for folder, text in (("before", TEXT), ("after", made.text)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mpy").write_bytes(bundle.compiled(text.encode(), "a", CACHE))
    total, kept = micropython(RUN, tmp_path / "before").split()
    same, keeps = micropython(RUN, tmp_path / "after").split()
    assert total == same
    assert int(keeps) < int(kept) - 40


def test_no_name_is_new():
    (made,) = numbered([merged(TEXT)])
    first = made.text.split("\n")[0]
    for name in ("inner", "each", "_ONE"):
        assert name not in first


def test_a_module_of_few_names_stays():
    text = "x = 1\n"
    assert numbered([merged(text)])[0].text == text
