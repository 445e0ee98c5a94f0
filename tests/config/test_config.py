"""config.py: load, check and put, in the real interpreter, without a board."""

import json

import pytest


@pytest.fixture
def configured(micropython, tmp_path):
    """Run a script that has config, path and last (the last good copy); what it answers."""

    def run(script, text=None):
        path = tmp_path / "config.json"
        if text is not None:
            path.write_text(text)
        out = micropython(
            "import config, json, sys\npath, last = sys.argv[1:]\n"
            "def answer(value): print('ANSWER', json.dumps(value))\n" + script,
            path,
            tmp_path / "config.last",
        )
        return json.loads(out.partition("ANSWER ")[2])

    run.path = tmp_path / "config.json"
    run.last = tmp_path / "config.last"
    return run


LOAD = "answer(config.load(path)[:2])"


def test_a_board_without_both_files_is_a_new_one(configured):
    assert configured(LOAD) == [{}, []]


def test_a_missing_file_beside_the_last_good_one_is_damage(configured):
    configured.last.write_text('{"name": "before"}')

    config, problems = configured(LOAD)

    assert config == {"name": "before"}
    assert problems == [f"{configured.path}: is missing; the last good one is back in its place"]
    assert configured.path.read_text() == '{"name": "before"}'


def test_where_it_cannot_come_back_the_board_runs_on_the_last_good_one(configured):
    configured.last.write_text('{"name": "before"}')

    config, problems = configured("""
def replace(path, pieces):
    raise OSError(28)

config.replace = replace
answer(config.load(path)[:2])
""")

    assert config == {"name": "before"}
    assert problems == [f"{configured.path}: is missing; running on the last good one"]


def test_a_missing_file_beside_a_damaged_last_one_is_named(configured):
    configured.last.write_bytes(b"\xff\xfe{")

    config, problems = configured(LOAD)

    assert config == {}
    assert problems == [f"{configured.path}: is missing; running on defaults"]


@pytest.mark.parametrize(
    ("raises", "says"),
    [
        ("OSError(5)", "can't be read: [Errno 5] EIO"),
        ("UnicodeError()", "not UTF-8 text"),
        ("MemoryError()", "too big for the memory"),
    ],
)
def test_a_file_that_cannot_be_read_gives_way_to_the_last_good_one(configured, raises, says):
    configured.last.write_text('{"name": "before"}')

    config, problems = configured(
        f"""
def unreadable(name, *mode):
    if name == path and not mode:
        raise {raises}
    return real(name, *mode)

real = open
config.open = unreadable
answer(config.load(path)[:2])
""",
        '{"name": "now"}',
    )

    assert config == {"name": "before"}
    assert problems == [f"{configured.path}: {says}; running on the last good one"]
    assert configured.path.read_text() == '{"name": "now"}', "it may be readable next time"


def test_put_into_a_file_that_cannot_be_read_says_so_and_leaves_it(configured):
    said = configured(
        """
def unreadable(name, *mode):
    raise OSError(5)

config.open = unreadable
try:
    config.put(("name",), "b", path)
except ValueError as error:
    answer(str(error))
""",
        '{"name": "now"}',
    )

    assert "can't be read" in said
    assert configured.path.read_text() == '{"name": "now"}'


def test_put_without_the_file_goes_on_from_the_last_good_one(configured):
    configured.last.write_text('{"name": "before"}')

    configured("config.put(('ftp',), 1, path)\nanswer(1)")

    assert json.loads(configured.path.read_text()) == {"name": "before", "ftp": 1}


LIFE = "answer(config.load(path)[2])"


def test_a_file_like_the_proven_one_is_proven_another_one_is_on_trial(configured):
    configured.last.write_text('{"name": "a"}')

    assert configured(LIFE, '{"name": "a"}') == "proven"
    assert configured(LIFE, '{"name": "b"}') == "trial"
    assert configured(LIFE, '{"name": ') == "broken"
    assert configured.last.read_text() == '{"name": "a"}', "loading proves nothing"


def test_without_a_proven_one_a_good_file_is_on_trial_and_a_broken_one_a_new_board(configured):
    assert configured(LIFE, '{"name": "a"}') == "trial"
    assert configured(LIFE, "{") == "new"
    assert not configured.last.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "a",\n "ftp": tru }\n', "not JSON, look at line 2"),
        ('{"name"', "not JSON, look at line 1"),
        ("", "not JSON"),
        ("[1, 2]", "must be an object in braces"),
        ("\x00\x01", "not JSON"),
    ],
)
def test_a_broken_file_gives_way_to_the_last_good_one(configured, text, says):
    configured.last.write_text('{"name": "before"}')

    config, problems = configured(LOAD, text)

    assert config == {"name": "before"}
    assert len(problems) == 1
    assert says in problems[0]
    assert "last good one" in problems[0]
    assert configured.last.read_text() == '{"name": "before"}'


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "a", "ftp": }',
        '{"name": "a" "ftp": {}}',
        '{"name": "a", "ftp": {]}',
        '{"name": "a",, "ftp": {}}',
        '{"name" "a"}',
        '{"name": "a", "ftp": {"port": 021}}',
        '{"name": "a", "every": 1.}',
        '{"name": "a", "every": -.5}',
        r'{"name": "a\q"}',
        r'{"name": "\uzzzz"}',
        '{"name": "a", "deep": ' + "[" * 500 + "]" * 500 + "}",
    ],
)
def test_what_only_micropythons_parser_takes_is_named_too(configured, text):
    """A dropped "ftp" section would mean an admin with a random password: nobody could log in."""
    configured.last.write_text('{"name": "before"}')

    config, problems = configured(LOAD, text)

    assert config == {"name": "before"}
    assert problems


def test_with_no_copy_it_is_defaults(configured):
    config, problems = configured(LOAD, "{")

    assert config == {}
    assert "running on defaults" in problems[0]


def test_bytes_that_are_no_text_give_way_to_the_last_good_one(configured):
    configured.last.write_text('{"name": "before"}')
    configured.path.write_bytes(b'{"name": "\xff\xfe"}')

    config, problems = configured(LOAD)

    assert config == {"name": "before"}
    assert problems == [f"{configured.path}: not UTF-8 text; running on the last good one"]


RULES = {
    "port": "int 1 65535",
    "wait": "int? 1 60",
    "host": "str",
    "tell": "str?",
    "on": "bool",
    "ports": "list",
    "users": "dict",
}
GOOD = [
    ("port", 1), ("port", 65535), ("wait", None), ("wait", 60), ("host", ""), ("tell", None),
    ("tell", "x"), ("on", False), ("ports", []), ("users", {}),
]  # fmt: skip
BAD = [
    ("port", 0, "a whole number from 1 to 65535, not 0"),
    ("port", 65536, "from 1 to 65535, not 65536"),
    ("port", "21", "a whole number from 1 to 65535, not text"),
    ("port", 21.5, "not a fraction"),
    ("port", True, "not true or false"),
    ("port", None, "not null"),
    ("wait", 61, "from 1 to 60"),
    ("host", None, "must be text, not null"),
    ("host", 5, "must be text, not a whole number"),
    ("tell", 5, "must be text"),
    ("on", 1, "must be true or false, not a whole number"),
    ("ports", {}, "must be a list, not an object"),
    ("users", [], "must be an object, not a list"),
    ("prot", 5, "no such key; known are host, on, port"),
]
CHECK = (
    "problems = []\n"
    "good = config.check('ftp', json.loads(%r), json.loads(%r), problems)\n"
    "answer([good, problems])"
)


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_a_right_value_is_taken(configured, key, value):
    given = {key: value}

    assert configured(CHECK % (json.dumps(given), json.dumps(RULES))) == [given, []]


@pytest.mark.parametrize(("key", "value", "says"), BAD)
def test_a_wrong_one_is_named_and_left_out_and_the_right_one_beside_it_stays(
    configured, key, value, says
):
    given = {key: value} | ({"on": True} if key != "on" else {"port": 5})

    good, problems = configured(CHECK % (json.dumps(given), json.dumps(RULES)))

    assert good == {k: v for k, v in given.items() if k != key}
    assert len(problems) == 1
    assert problems[0].startswith(f"ftp.{key}: ")
    assert says in problems[0]


def test_a_section_that_is_no_object_runs_on_defaults(configured):
    assert configured(CHECK % ("5", json.dumps(RULES))) == [
        {},
        ["ftp: must be an object in braces; running on defaults"],
    ]


def test_no_text_that_could_be_a_secret_is_repeated(configured):
    _, problems = configured(CHECK % (json.dumps({"port": "s3cret"}), json.dumps(RULES)))

    assert "s3cret" not in problems[0]


def test_a_rule_may_be_a_function(configured):
    assert configured("""
def even(value):
    if value % 2:
        raise ValueError("must be even")

problems = []
good = config.check("a", {"x": 2, "y": 3}, {"x": even, "y": even}, problems)
answer([good, problems])
""") == [{"x": 2}, ["a.y: must be even; running on its default"]]


TEXT = """{
  "name" :"a \\"quoted\\" name, with } and ]",
\t"ftp": {"port": 21 , "users": {
      "ann": {"password":"x","role": "admin"}, "bob": {"password": "y}"} }},
  "list": [1, {"password": "no"}, [2]], "last": true
}
"""


@pytest.mark.parametrize(
    ("keys", "old", "new"),
    [
        (("ftp", "users", "ann", "password"), '"x"', '"NEW"'),
        (("ftp", "users", "bob", "password"), '"y}"', '"NEW"'),
        (("name",), '"a \\"quoted\\" name, with } and ]"', '"NEW"'),
        (("ftp", "port"), "21", '"NEW"'),
        (("list",), '[1, {"password": "no"}, [2]]', '"NEW"'),
        (("last",), "true", '"NEW"'),
    ],
)
def test_put_changes_one_value_and_not_one_other_letter(configured, keys, old, new):
    configured(f"config.put({keys!r}, 'NEW', path)\nanswer(1)", TEXT)

    assert TEXT.count(old) == 1
    assert configured.path.read_text() == TEXT.replace(old, new)


@pytest.mark.parametrize(
    "keys", [("new",), ("ftp", "new"), ("ftp", "users", "eve", "password"), ("a", "b", "c")]
)
def test_put_adds_what_is_missing(configured, keys):
    configured(f"config.put({keys!r}, [1, None], path)\nanswer(1)", TEXT)

    expected = json.loads(TEXT)
    inner = expected
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = [1, None]
    assert json.loads(configured.path.read_text()) == expected


@pytest.mark.parametrize("text", [None, "{}", " {\n}\n", '{"a": {}}'])
def test_put_into_an_empty_or_missing_file(configured, text):
    configured("config.put(('a', 'b'), {'c': 'ü'}, path)\nanswer(1)", text)

    assert json.loads(configured.path.read_text())["a"] == {"b": {"c": "ü"}}


@pytest.mark.parametrize("text", ['{"a": ', "[]", "nonsense"])
def test_put_leaves_a_broken_file_alone(configured, text):
    said = configured(
        "try:\n    config.put(('a',), 1, path)\nexcept ValueError as error:\n"
        "    answer(str(error))",
        text,
    )

    assert "config.json: not JSON" in said or "config.json: must be an object" in said
    assert configured.path.read_text() == text


def test_put_leaves_no_part_behind_and_keeps_a_proven_file_proven(configured):
    configured.last.write_text('{"password": "in clear"}')

    configured("config.put(('a',), 1, path)\nanswer(1)", '{"password": "in clear"}')

    names = sorted(path.name for path in configured.path.parent.glob("*config*"))
    assert names == ["config.json", "config.last"]
    assert configured.last.read_text() == configured.path.read_text()


def test_put_into_a_file_on_trial_leaves_the_proven_one(configured):
    configured.last.write_text('{"name": "before"}')

    configured("config.put(('a',), 1, path)\nanswer(1)", "{}")

    assert configured.last.read_text() == '{"name": "before"}'


def test_put_makes_no_defaults_beside_a_proven_one_that_cannot_be_read(configured):
    configured.last.write_bytes(b"\xff\xfe{")

    said = configured(
        "try:\n    config.put(('a',), 1, path)\nexcept ValueError as error:\n"
        "    answer(str(error))"
    )

    assert "not UTF-8" in said
    assert not configured.path.exists()


def test_put_changes_nothing_where_memory_is_short_for_the_proven_one(configured):
    """Else the proven one would keep the old password, in clear."""
    proven = '{"name": "a"}'
    configured.last.write_text(proven)
    said = configured(
        """
def short(name, *mode):
    if name == last:
        raise MemoryError
    return open(name, *mode)
config.open = short
try:
    answer(config.put(("name",), "b", path))
except MemoryError:
    answer("no memory")
""",
        proven,
    )

    assert said == "no memory"
    assert configured.path.read_text() == configured.last.read_text() == proven
