"""A module in the build: its text, what is replaced in it, and the result."""

import ast
from dataclasses import dataclass, field

from outpost.bundle import scopes

Line = tuple[str, int]  # place of the source file, line


@dataclass
class Module:
    """A source file: its dotted name and its text."""

    name: str
    text: str
    path: str
    tree: ast.Module = field(init=False)
    # line -> [(column, end column, text)]
    edits: dict[int, list[tuple[int, int, str]]] = field(
        init=False, default_factory=dict[int, list[tuple[int, int, str]]]
    )

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text, self.path)
        self.lines = self.text.split("\n")
        self.names = scopes.bindings(self.tree.body)
        self.defined = {
            node.name
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }

    def replace(self, line: int, column: int, end: int, text: str) -> None:
        """Replace bytes [column, end) of a line, counted from 1, by text."""
        self.edits.setdefault(line, []).append((column, end, text))

    def replace_statement(self, node: ast.stmt, text: str) -> None:
        """Replace a statement by text of one line; its other lines become empty."""
        last, behind = scopes.end_of(node)
        for line in range(node.lineno, last + 1):
            begin = node.col_offset if line == node.lineno else 0
            whole = len(self.lines[line - 1].encode())
            end = behind if line == last else whole
            self.replace(line, begin, end, text if line == node.lineno else "")

    def edited(self) -> list[str]:
        """Return the lines with all replacements."""
        result: list[str] = []
        for number, text in enumerate(self.lines, 1):
            raw = text.encode()
            for column, end, new in sorted(self.edits.get(number, ()), reverse=True):
                raw = raw[:column] + new.encode() + raw[end:]
            result.append(raw.decode())
        return result


@dataclass
class Merged:
    """A module of the bundle: its path, its text, and the source of each line."""

    name: str
    place: str  # its path on the board, as .py
    text: str
    lines: list[Line]
