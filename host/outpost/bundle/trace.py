"""From a line of a board's traceback back to the source: file, line and function as people wrote.

A bundle's traceback names a joined file and a shortened function, such as
`File "services/ftp/server.py", line 912, in exec`.
"""

import ast
import re
from pathlib import Path

from outpost import bundle

_UNFINISHED = re.compile(r" *(F|Fi|Fil|File.*)?\Z")
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>\S+))?')


class Trace:
    """The way back for the bundle of one tree."""

    def __init__(self, tree):
        """tree: folder of the device code that the board has. BundleError where it is none."""
        self._tree = Path(tree)
        self._lines = {one.place: one.lines for one in bundle.merged(tree)}
        self._functions = {}  # source file -> [(first line, last line, name)]

    def explained(self, text):
        """The text with each place of a traceback in the words of the source.

        What is not of this bundle, and what is beyond its last line, stays as it is.
        """
        return _PLACE.sub(self._place, text)

    def stream(self, say):
        """A callable like say(text), for text that comes in pieces, which may end in mid line."""
        held = ""
        begun = True  # a line of which nothing was shown yet

        def hear(text):
            nonlocal held, begun
            text = held + text
            whole, newline, last = text.rpartition("\n")
            held = last if (newline or begun) and _UNFINISHED.match(last) else ""
            shown = whole + newline + ("" if held else last)
            if shown:
                begun = shown.endswith("\n")
                say(self.explained(shown))

        return hear

    def _place(self, found):
        root = "/" if found["file"].startswith("/") else ""
        lines = self._lines.get("/" + found["file"].lstrip("/"))
        number = int(found["line"])
        if not lines or not 0 < number <= len(lines):
            return found[0]
        path, line = lines[number - 1]
        told = f'File "{root}{path.lstrip("/")}", line {line}'
        if not found["function"]:
            return told
        return f"{told}, in {self._function(path, line) or found['function']}"

    def _function(self, path, line):
        """The name of the innermost function around a line; None at a module's top."""
        if path not in self._functions:
            tree = ast.parse((self._tree / path.lstrip("/")).read_text())
            self._functions[path] = [
                (node.lineno, node.end_lineno, node.name)
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
        around = [
            (first, name) for first, last, name in self._functions[path] if first <= line <= last
        ]
        return max(around)[1] if around else None
