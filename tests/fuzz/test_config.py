"""config.json: JSON as RFC 8259 has it and nothing else; no value of an option ends a boot."""

import json

import pytest
from fuzz.interpreter import many
from hypothesis import assume, given
from hypothesis import strategies as st

DEVICE = """
import json
import config
import jsontext

def parse(text):
    try:
        return True, jsontext.parse(text)
    except ValueError as error:
        return False, str(error)

def replace(text, keys, value):
    return jsontext.replace(text, tuple(keys), value)

def check(service, given):
    module = __import__("services.%s.options" % service, None, None, ("OPTIONS",))
    problems = []
    good = config.check(service, given, module.OPTIONS, problems)
    return good, problems, sorted(module.OPTIONS)
"""
SERVICES = ["app", "ftp", "log", "network", "telemetry", "time"]

# No number that a board's float can't hold; small ones, since the text is what matters here.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31),
    st.sampled_from([0.5, -2.25, 1e10]),
    st.text(st.sampled_from('ab "\\/{}[]:,\n\t\x01é☃😀'), max_size=6),
)
KEYS = st.sampled_from(["a", "b", "ftp", "users", 'q"', "\\", "☃"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def json_texts(draw, objects=OBJECTS):
    """(object, one of its texts: as people indent it, and as programs do)."""
    value = draw(objects)
    text = json.dumps(
        value,
        indent=draw(st.sampled_from([None, 0, 2, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", " :\t")])),
        ensure_ascii=False,
    )
    return value, draw(st.sampled_from(["", "\n", " \t"])) + text + draw(
        st.sampled_from(["", "\n"])
    )


# Values as they may stand in a file, right and wrong: MicroPython's own parser takes most of them.
WORDS = st.one_of(
    st.sampled_from(
        ["1", "-0", "0.5", "1E+3", "true", "null", '"a"', r'"\u00e9\n\/"', "{}", "[ ]"]
    ),
    st.sampled_from(
        ["01", "-01", "1.", ".5", "-.5", "1e", "1e+", "-", "+1", "--1", "0x10", "1_0"]
    ),
    st.sampled_from(["tru", "True", "NaN", "-NaN", "Infinity", "-Infinity", "-inf", "nan", "'a'"]),
    st.sampled_from(
        [r'"\q"', r'"\u12"', r'"\uzzzz"', '"\t"', '"a', "//", "[1,]", "{1:1}", '{"a"}']
    ),
    st.text(st.sampled_from('-+.0123eE"\\u{}[]:, '), max_size=6),
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=3).map(
            lambda parts: "{" + ", ".join(f'"{at}": {part}' for at, part in enumerate(parts)) + "}"
        ),
    ),
    max_leaves=6,
)


@st.composite
def near_json(draw):
    """A text of JSON, or of what looks like it."""
    if draw(st.booleans()):
        return '{"a":\n ' + draw(TREES) + "}"
    text = draw(json_texts())[1]
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(WORDS) + text[at + draw(st.integers(0, 2)) :]


def refuse(word):
    raise ValueError(f"{word} is not JSON")


def strictly(text):
    """The object that a text of JSON holds, None where it is none."""
    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def roughly(value):
    """The value with its fractions as texts: a board's floats have fewer digits."""
    if isinstance(value, dict):
        return {key: roughly(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [roughly(inner) for inner in value]
    return f"{value:.5g}" if isinstance(value, float) else value


@given(near_json())
@many(500)
def test_what_is_json_is_taken_and_nothing_else(device, text):
    expected = strictly(text)
    assume("inf" not in json.dumps(roughly(expected)))  # the device can't tell us of it in JSON
    good, value = device("parse", text)
    assume(good or "deep" not in value)  # the next test's

    assert good == (expected is not None), value
    if good:
        assert roughly(value) == roughly(expected)
    elif value != "must be an object in braces":
        assert 1 <= int(value.rpartition(" ")[2]) <= text.count("\n") + 1


@given(st.integers(1, 5000), st.sampled_from(["[", '{"a":']))
@many(20)
def test_nesting_without_end_is_refused_and_named(device, depth, opening):
    text = '{"a":' + opening * depth + "1" + {"[": "]"}.get(opening, "}") * depth + "}"
    good, value = device("parse", text)

    assert good or "deep" in value
    assert good or depth > 15


@given(json_texts(), st.lists(KEYS, min_size=1, max_size=3), VALUES, SCALARS)
@many(200)
def test_a_value_is_replaced_and_all_else_keeps_its_letters(device, pair, keys, old, new):
    config = pair[0]
    place = config
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        assume(isinstance(place, dict))
    place[keys[-1]] = "@here@"
    before, after = json.dumps(config, indent=1, ensure_ascii=False).split('"@here@"')
    place[keys[-1]] = new

    replaced = device("replace", before + json.dumps(old, ensure_ascii=False) + after, keys, new)

    assert json.loads(replaced) == config
    assert replaced.startswith(before)
    assert replaced.endswith(after)


@given(json_texts(), st.lists(KEYS, min_size=1, max_size=3), SCALARS)
@many(200)
def test_a_missing_value_is_put_in_and_all_else_keeps_its_letters(device, pair, keys, new):
    config, text = pair
    place = config
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        assume(isinstance(place, dict))
    assume(keys[-1] not in place)
    place[keys[-1]] = new

    replaced = device("replace", text, keys, new)

    assert json.loads(replaced) == config
    same = next(
        (at for at, (a, b) in enumerate(zip(text, replaced, strict=False)) if a != b), len(text)
    )
    assert replaced.endswith(text[same:])


SECRET = "hush-7"
ODD = st.recursive(
    st.one_of(
        SCALARS,
        st.sampled_from([0, 1, 80, 1024, 65535, 65536, SECRET, "INFO", "127.0.0.1", "", "/a"]),
        st.sampled_from(["mqtt://u:hush-7@h:99999", "mqtt://hush-7", "mqtt://a:%hush-7@h", "²"]),
        st.text(max_size=4),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("service", SERVICES)
def test_no_value_of_an_option_is_let_through_or_raises_or_is_told(device, service):
    known = device("check", service, {})[2]
    sections = st.dictionaries(st.sampled_from([*known, "nonsense"]), ODD, max_size=5)

    @given(st.one_of(sections, ODD))
    @many(80)
    def check(section):
        good, problems, _ = device("check", service, section)

        assert SECRET not in "".join(problems)
        if isinstance(section, dict):
            assert all(section[key] == value for key, value in good.items())
            assert len(good) + len(problems) == len(section)
            assert "nonsense" not in good
        else:
            assert good == {}
            assert len(problems) == 1

    check()
