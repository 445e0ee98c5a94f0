"""Moves rarely used texts from the modules into one file, which hal/texts.py reads.

A text of 40 characters takes about 70 bytes of a board's heap while its module is loaded; a call
that reads it takes eight. These texts in functions are moved:

- after a reply's code from 400 to 599: `return 550, "Not a directory."`, `FTPError(501, "...")`;
- in an exception that is raised: `raise ValueError("%s is no path" % path)`;
- on a line that ends with the comment `# cold`.

`# hot` at the end of its line keeps a text in its module: it is used often, or when memory or
flash fails. Either comment may continue with a colon and the reason.
"""

import ast
import io
import re
import tokenize
import zlib
from collections.abc import Collection, Iterable, Sequence

from outpost.bundle import scopes
from outpost.bundle.module import Line, Merged, Module
from outpost.bundle.names import identifiers
from outpost.bundle.symbols import MergeError

PATH = "/hal/texts"
MODULE = "hal.texts"  # it has a function that ...
_CALL = "text_at"  # ... reads them ...
_HOME = "hal"  # ... and that others find here
_VERSION = re.compile(r"^_TEXTS = const\(0\)", re.MULTILINE)
_BITS = 28  # of the version: a small int on each board
_SHORTEST = 11  # characters: MicroPython interns shorter texts
_CODES = range(400, 600)
_MARK = re.compile(r"# (cold|hot)(: .*)?\Z")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_Text = ast.Constant | ast.BinOp  # a text, or text % values
# Modules that are loaded once and unloaded; and hal, which the reader itself needs.
_WHOLE = re.compile(r"(config|jsontext)\Z|hal\b|.*_options\Z")


class Texts(dict[int, str]):
    """The moved texts: place -> text, with %% or the format if values are inserted."""

    def __init__(self, given: Iterable[tuple[int, str]] = ()) -> None:
        super().__init__(given)
        self._places = {text: place for place, text in self.items()}
        self._end = len(self._body())

    @property
    def version(self) -> int:
        """A hash over all texts, by which a module recognises the file that belongs to it."""
        return zlib.crc32(self._body()) & ((1 << _BITS) - 1)

    @property
    def content(self) -> bytes:
        """The bytes of the file: the version, then a line for each text."""
        return f"{self.version:07x}\n".encode() + self._body()

    def _body(self) -> bytes:
        return "".join(f"{text}\n" for text in self.values()).encode()

    def place_of(self, text: str) -> int:
        """Return the offset of a text after the version; add the text if it is new."""
        if text not in self._places:
            self._places[text] = self._end
            self[self._end] = text
            self._end += len(text.encode()) + 1
        return self._places[text]


def moved(modules: list[Merged], plain: Collection[str] = ()) -> tuple[list[Merged], Texts]:
    """Return (the modules, as Merged, each with its lines; the Texts that were in them).

    plain: paths of modules that keep their texts, because they boot a board before the reader
    exists. Nothing is moved if a tree, such as a test's, has no reader.
    """
    texts = Texts()
    home = next((one for one in modules if one.name == _HOME), None)
    if home is None or not _VERSION.search(home.text):
        return modules, texts
    made = [
        one if one.place in plain or _WHOLE.match(one.name) else _without(one, texts)
        for one in modules
    ]
    version = f"_TEXTS = const({texts.version})"
    return [
        Merged(one.name, one.place, _VERSION.sub(version, one.text), one.lines)
        if one.name == _HOME
        else one
        for one in made
    ], texts


def _without(one: Merged, texts: Texts) -> Merged:
    """Return a module whose texts were moved into texts."""
    module = Module(one.name, one.text, one.place)
    finder = _Finder(one.text)
    finder.look(module.tree)
    if not finder.found:
        return one
    for node in finder.found:
        _replace(module, node, texts, finder.operators)
    return _importing(module, one.lines)


def _replace(
    module: Module, node: _Text, texts: Texts, operators: Iterable[tuple[int, int]]
) -> None:
    """Replace a text, or text % values, by a call of the reader."""
    if isinstance(node, ast.Constant):
        place = texts.place_of(str(node.value).replace("%", "%%"))
        end, call = scopes.end_of(node), f"{_CALL}({place})"
    else:
        place = texts.place_of(_text_of(node.left))
        after = scopes.end_of(node.left)
        line, column = min(at for at in operators if at >= after)
        end, call = (line, column + 1), f"{_CALL}({place},"
        last, behind = scopes.end_of(node)
        module.replace(last, behind, behind, ")")
    for line in range(node.lineno, end[0] + 1):
        first = line == node.lineno
        begin = node.col_offset if first else 0
        last = end[1] if line == end[0] else len(module.lines[line - 1].encode())
        module.replace(line, begin, last, call if first else "")


def _importing(module: Module, lines: list[Line]) -> Merged:
    """Return the edited module as Merged; it imports the reader with another import, or first."""
    if _CALL in identifiers(module.tree):
        raise MergeError(f"{module.path}: {_CALL} reads texts: give it another name")
    statement = f"from {_HOME} import {_CALL}"
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and node.end_lineno == node.lineno:
            behind = scopes.end_of(node)[1]
            module.replace(node.lineno, behind, behind, f"; {statement}")
            return Merged(module.name, module.path, "\n".join(module.edited()), lines)
    text = "\n".join((statement, *module.edited()))
    return Merged(module.name, module.path, text, [lines[0], *lines])


class _Finder:
    """Finds the texts to move: Constants, and BinOps of a text % values."""

    def __init__(self, text: str) -> None:
        self.found: list[_Text] = []
        self.operators: set[tuple[int, int]] = set()  # (line, column in bytes) of each %
        self._marks: dict[int, str] = {}  # line -> "cold" or "hot"
        self._seen: set[ast.expr] = set()
        lines = text.split("\n")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            line, column = token.start
            if token.type == tokenize.OP and token.string == "%":
                self.operators.add((line, len(lines[line - 1][:column].encode())))
            elif token.type == tokenize.COMMENT and (mark := _MARK.match(token.string)):
                self._marks[line] = mark[1]

    def look(self, node: ast.AST, statement: ast.stmt | None = None) -> None:
        """Search a node. statement: the function's statement that contains it."""
        if isinstance(node, _FUNCTION):
            for part in node.body:
                self.look(part, part)
            return
        if statement is not None:
            if isinstance(node, ast.stmt):
                statement = node
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                return  # a docstring
            for part in _told(node):
                self._take(part, statement)
            if self._mark(node, statement) == "cold":
                self._take(node, statement)
        for child in ast.iter_child_nodes(node):
            self.look(child, statement)

    def _take(self, node: ast.AST, statement: ast.stmt) -> None:
        """Collect the texts of an expression that no mark keeps in place."""
        if isinstance(node, ast.IfExp):
            self._take(node.body, statement)
            self._take(node.orelse, statement)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            self._take(node.left, statement)
            self._take(node.right, statement)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            self._note(node, node.left, statement)
        elif isinstance(node, ast.Constant):
            self._note(node, node, statement)

    def _note(self, node: _Text, text: ast.expr, statement: ast.stmt) -> None:
        if text not in self._seen and _is_text(text):
            self._seen.add(text)
            if self._mark(node, statement) != "hot":
                self.found.append(node)

    def _mark(self, node: ast.AST, statement: ast.stmt) -> str | None:
        """Return the mark of a node: on one of its lines, or at its statement's end."""
        if not isinstance(node, ast.expr | ast.stmt):
            return None
        lines = (*range(node.lineno, scopes.end_of(node)[0] + 1), scopes.end_of(statement)[0])
        return next((self._marks[line] for line in lines if line in self._marks), None)


def _told(node: ast.AST) -> Sequence[ast.expr]:
    """Return the parts of a node that are the text of a reply with a code, or of an exception."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return node.exc.args
    parts = getattr(node, "args" if isinstance(node, ast.Call) else "elts", ())
    return parts[1:] if parts and _is_code(parts[0]) else ()


def _is_code(node: ast.AST) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_code(node.body) and _is_code(node.orelse)
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value in _CODES


def _text_of(node: ast.AST) -> str:
    """Return the text of a node; "" if it isn't a text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_text(node: ast.AST) -> bool:
    """Whether it is text for people, of one line: without a space, it may be a name."""
    text = _text_of(node)
    return len(text) >= _SHORTEST and " " in text.strip() and text.isprintable()
