"""A module on its way into the bundle: its text, what is replaced in it, what it becomes."""

import ast
from dataclasses import dataclass, field

from outpost.bundle import scopes


@dataclass
class Module:
    """A source file: its dotted name and its text."""

    name: str
    text: str
    path: str
    tree: ast.Module = field(init=False)
    edits: dict = field(init=False, default_factory=dict)  # line -> [(column, end column, text)]

    def __post_init__(self):
        self.tree = ast.parse(self.text, self.path)
        self.lines = self.text.split("\n")
        self.names = scopes.bindings(self.tree.body)
        self.defined = {
            node.name
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }

    def replace(self, line, column, end, text):
        """Put text in place of bytes [column, end) of a line, counted from 1."""
        self.edits.setdefault(line, []).append((column, end, text))

    def replace_statement(self, node, text):
        """Put text of one line in place of a statement; its other lines become empty."""
        last, behind = scopes.end_of(node)
        for line in range(node.lineno, last + 1):
            begin = node.col_offset if line == node.lineno else 0
            whole = len(self.lines[line - 1].encode())
            end = behind if line == last else whole
            self.replace(line, begin, end, text if line == node.lineno else "")

    def edited(self):
        """The lines with all that was replaced."""
        result = []
        for number, text in enumerate(self.lines, 1):
            raw = text.encode()
            for column, end, new in sorted(self.edits.get(number, ()), reverse=True):
                raw = raw[:column] + new.encode() + raw[end:]
            result.append(raw.decode())
        return result


@dataclass
class Merged:
    """A module of the bundle: where it stands, its text, where each line comes from."""

    name: str
    place: str  # its path on the board, as .py
    text: str
    lines: list  # of (place of the source file, line)
