"""Converts places in a board's traceback to those of the source: file, line and function.

A bundle's traceback names a joined module and a shortened function, such as `File
"services.ftp.server", line 912, in exec`; STAT and MQTT show `at MODULE:LINE`. Source files on a
board, such as main.py, are named by their path. `text 1482` is a text that the board could not
read.
"""

import re
from collections.abc import Callable
from pathlib import Path

from outpost import bundle
from outpost.bundle.maps import Map, NoMap, find

_UNFINISHED = re.compile(r" *(F|Fi|Fil|File.*)?\Z")
_TEXT = re.compile(r"\btext (\d+)\b")
_CUT_TEXT = re.compile(r"\bt(e(x(t( \d*)?)?)?)?\Z")
_PLACE = re.compile(
    r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>\S+))?'
    r"|\bat (?P<short>[\w/.-]+):(?P<number>\d+)"
)


class Trace:
    """Converts texts by one bundle's Map."""

    def __init__(self, way: Map) -> None:
        self._map = way
        self._places = {bundle.module_name(place): place for place in way.lines}

    def explained(self, text: str) -> str:
        """Return the text with each place of a traceback as in the source.

        Places of other bundles, and lines after a module's end, stay unchanged.
        """
        return _TEXT.sub(self._text, _PLACE.sub(self._place, text))

    def stream(self, say: Callable[[str], object]) -> Callable[[str], None]:
        """Return a callable like say(text), for text in pieces, which may end within a line."""
        held = ""
        begun = True  # nothing of the present line was shown yet

        def hear(text: str) -> None:
            nonlocal held, begun
            text = held + text
            whole, newline, last = text.rpartition("\n")
            if (newline or begun) and _UNFINISHED.match(last):
                held = last
            else:
                cut = _CUT_TEXT.search(last)
                held = cut[0] if cut else ""
            shown = whole + newline + last.removesuffix(held)
            if shown:
                begun = shown.endswith("\n")
                say(self.explained(shown))

        return hear

    def _text(self, found: re.Match[str]) -> str:
        text = self._map.texts.get(found[1])
        return f"{found[0]} ({text})" if text else found[0]

    def _place(self, found: re.Match[str]) -> str:
        file, number = found["file"] or found["short"], int(found["line"] or found["number"])
        root = "/" if file.startswith("/") else ""
        place = self._places.get(file, "/" + file.lstrip("/"))
        lines = self._map.lines.get(place)
        if not lines or not 0 < number <= len(lines):
            return found[0]
        path, line = lines[number - 1]
        if found["short"]:
            return f"at {root}{path.lstrip('/')}:{line}"
        told = f'File "{root}{path.lstrip("/")}", line {line}'
        if not found["function"]:
            return told
        return f"{told}, in {self._function(path, line) or found['function']}"

    def _function(self, path: str, line: int) -> str | None:
        """Return the name of the innermost function around a line; None at module level."""
        around = [
            (first, name)
            for first, last, name in self._map.functions.get(path, ())
            if first <= line <= last
        ]
        return max(around)[1] if around else None


def has_place(text: str) -> bool:
    """Whether a text contains a place of a traceback, or the number of a text."""
    return bool(_PLACE.search(text) or _TEXT.search(text))


def explained(text: str, name: str | None, tree: Path) -> str:
    """Return a text of a board with that bundle, explained; unchanged if there is no map."""
    if not has_place(text):  # nearly all texts of status and watch
        return text
    try:
        return Trace(find(name, tree)).explained(text)
    except NoMap:
        return text
