"""JSON text (RFC 8259): parses it strictly, and changes one value without reformatting the others.

MicroPython's parser accepts `{"a": }` and `[1,,2]`, and loses values. A config.json with a mistake
must be refused as a whole, with the line of the mistake.
"""

import json
import re

from micropython import const

_SPACE = const(" \t\r\n")
_NUMBER = const("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$")
_HEX = const("[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]")
_DEEPEST = const(16)  # nested objects and lists; each takes a frame of a small stack


def parse(text):
    """Return the object in text; ValueError names the line of the first mistake."""
    at = _skip(text, 0)
    end = _skip(text, _value_end(text, at))
    if end != len(text):
        _fail(text, end)
    if text[at] != "{":
        raise ValueError("must be an object in braces")
    return json.loads(text)


def replace(text, keys, value):
    """Return text with the value at a tuple of keys replaced; missing objects are made."""
    at = text.index("{")
    for depth, key in enumerate(keys):
        found, empty = _member(text, at, key)
        if found < 0:
            for missing in reversed(keys[depth + 1 :]):
                value = {missing: value}
            comma = "" if empty else ", "
            return "%s%s: %s%s%s" % (
                text[: at + 1],
                json.dumps(key),
                json.dumps(value),
                comma,
                text[at + 1 :],
            )
        at = found
    return text[:at] + json.dumps(value) + text[_value_end(text, at) :]


def _member(text, at, key):
    """Return (where the value of key begins or -1, whether the object at `at` is empty)."""
    at = _skip(text, at + 1)
    empty = text[at] == "}"
    while text[at] != "}":
        end = _string_end(text, at)
        name = json.loads(text[at:end])
        at = _skip(text, _past(text, _skip(text, end), ":"))
        if name == key:
            return at, False
        at = _skip(text, _value_end(text, at))
        if text[at] == ",":
            at = _skip(text, at + 1)
    return -1, empty


def _value_end(text, at, depth=0):
    """Return where the value at `at` ends. Raises ValueError at a mistake in it."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep, look at line %d" % _line(text, at))
    opening = text[at : at + 1]
    if opening == '"':
        return _string_end(text, at)
    if opening not in ("{", "["):
        return _word_end(text, at)
    closing = "}" if opening == "{" else "]"
    at = _skip(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        if opening == "{":
            at = _skip(text, _string_end(text, at))
            at = _skip(text, _past(text, at, ":"))
        at = _skip(text, _value_end(text, at, depth + 1))
        if text[at : at + 1] == closing:
            return at + 1
        at = _skip(text, _past(text, at, ","))


def _string_end(text, at):
    """Return where the string that begins at `at` ends."""
    start = at
    at = _past(text, at, '"')
    while at < len(text) and text[at] != '"' and text[at] >= " ":
        if text[at] == "\\":
            at += 1
            if text[at : at + 1] == "u" and re.match(_HEX, text[at + 1 : at + 5]):
                at += 4
            elif text[at : at + 1] not in ('"', "\\", "/", "b", "f", "n", "r", "t"):
                _fail(text, start)
        at += 1
    if text[at : at + 1] != '"':
        _fail(text, start)  # report where it begins: the rest may look like anything
    return at + 1


def _word_end(text, at):
    """Return where a number, true, false or null ends."""
    start = at
    while at < len(text) and text[at] not in _SPACE and text[at] not in ',:"{}[]':
        at += 1
    word = text[start:at]
    if word not in ("true", "false", "null") and not re.match(_NUMBER, word):
        _fail(text, start)
    return at


def _skip(text, at):
    """Return the next place at or after `at` that isn't white space."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _past(text, at, mark):
    """Return the place after mark. Raises ValueError if mark isn't at `at`."""
    if text[at : at + 1] != mark:
        _fail(text, at)
    return at + 1


def _fail(text, at):
    raise ValueError("not JSON, look at line %d" % _line(text, at))


def _line(text, at):
    """Return the line number of a place, from 1."""
    return text[:at].count("\n") + 1
