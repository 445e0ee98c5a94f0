"""Finds a key in the text of a JSON file: line and column, as editors count them."""

import json
import re
from dataclasses import dataclass

_JSON = json.JSONDecoder()
_SPACE = " \t\r\n"
_LINE = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class Place:
    """Both count from 1."""

    line: int
    column: int


def place_of(text: str, name: str) -> Place | None:
    """Return the Place of a key such as ftp.users.ann.role, or of its nearest parent; or None.

    text: JSON. A key may contain dots itself.
    """
    found, longest = None, -1
    for at, key in _keys(text):
        if (name == key or name.startswith(key + ".")) and len(key) > longest:
            found, longest = at, len(key)
    return None if found is None else _place(text, found)


def place_of_mistake(text: str, said: str) -> Place | None:
    """Return the Place of the first mistake in invalid JSON. said: the board's message."""
    line = _LINE.search(said)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if not line or int(line[1]) == error.lineno:
            return Place(error.lineno, error.colno)
    return Place(int(line[1]), 1) if line else None


def _place(text: str, at: int) -> Place:
    return Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _keys(text: str) -> list[tuple[int, str]]:
    """Return (its position, its full name) for each key."""
    found: list[tuple[int, str]] = []
    _value(text, _skip(text, 0), "", found)
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _value(text: str, at: int, prefix: str, found: list[tuple[int, str]]) -> int:
    """Collect the keys of the value that begins at `at`; return where it ends."""
    if text[at] not in "{[":
        return _JSON.raw_decode(text, at)[1]
    is_object = text[at] == "{"
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        name = prefix
        if is_object:
            key, end = _JSON.raw_decode(text, at)
            name = f"{prefix}.{key}" if prefix else key
            found.append((at, name))
            at = _skip(text, _skip(text, end) + 1)
        at = _skip(text, _value(text, at, name, found))
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1
