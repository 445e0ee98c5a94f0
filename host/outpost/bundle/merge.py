"""Modules that are loaded together become one: many files for people, few for the board.

A module object, its dictionary, its names and its file cost a board some 200 bytes of heap and a
block of flash each. The text of the members is joined as it stands, line by line: only imports of
one another and names that two of them have are written anew. So a line of the result is a line of
one source file, which Merged tells.
"""

import ast
from collections.abc import Iterable, Sequence

from outpost.bundle import scopes
from outpost.bundle.module import Line, Merged, Module
from outpost.bundle.relocate import relocate
from outpost.bundle.symbols import Group, MergeError, Symbols


class Merger:
    """Joins the groups of a tree and writes the imports of all other modules anew."""

    def __init__(self, modules: Iterable[Module], groups: Iterable[Group]) -> None:
        self._symbols = Symbols(modules, groups)

    def result(self) -> list[Merged]:
        """All modules of the bundle as Merged, groups first."""
        found: list[Merged] = []
        symbols = self._symbols
        for module in symbols.modules.values():
            relocate(module, symbols)
        for group in symbols.groups:
            if len(group.members) > 1 or not _is_empty_package(symbols.modules[group.name]):
                found.append(self._join(group))
        for name, module in symbols.modules.items():
            if name not in symbols.home and not _is_empty_package(module):
                lines = [(module.path, number + 1) for number in range(len(module.lines))]
                found.append(Merged(name, module.path, "\n".join(module.edited()), lines))
        return found

    def _join(self, group: Group) -> Merged:
        text: list[str] = []
        lines: list[Line] = []
        seen: set[str] = set()
        for member in self._ordered(group):
            module = self._symbols.modules[member]
            docstring = _docstring_lines(module.tree)
            within = _lines_within_texts(module.tree)
            for number, line in enumerate(module.edited(), 1):
                idle = not line.strip() or line.lstrip().startswith("#")
                if number in docstring or (idle and number not in within):
                    continue
                if line.startswith(("import ", "from ")):
                    if line in seen:
                        continue
                    seen.add(line)
                text.append(line)
                lines.append((module.path, number))
        name = self._symbols.home[group.name]
        place = self._symbols.modules[group.name].path
        if name != group.name:
            place = f"/{name.replace('.', '/')}.py"
        return Merged(name, place, "\n".join(text) + "\n", lines)

    def _ordered(self, group: Group) -> list[str]:
        """The members, each behind those that it imports at its top level."""
        result: list[str] = []
        under_way: list[str] = []

        def add(name: str) -> None:
            if name in result:
                return
            if name in under_way:
                raise MergeError(f"a circle of imports: {' -> '.join([*under_way, name])}")
            under_way.append(name)
            for _, thing, node in self._symbols.imports(self._symbols.modules[name]):
                if node in self._symbols.modules[name].tree.body:
                    whole = ".".join(thing)
                    dotted = whole if whole in self._symbols.modules else thing[0]
                    if dotted in group.members and dotted != name:
                        add(dotted)
            under_way.pop()
            result.append(name)

        for member in group.members:
            add(member)
        return result


def _is_empty_package(module: Module) -> bool:
    """Whether a package's own module only says what it is: imports of its folder do without it."""
    empty = all(isinstance(node, ast.Expr) for node in module.tree.body)
    return empty and module.path.endswith("/__init__.py")


def _docstring_lines(tree: ast.Module) -> Sequence[int]:
    """The lines of the module's own docstring."""
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return range(first.lineno, scopes.end_of(first)[0] + 1)
    return ()


def _lines_within_texts(tree: ast.Module) -> set[int]:
    """The lines that a text of several lines covers: there a blank or a # is a part of it.

    Docstrings don't count: no board has them.
    """
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node not in docstrings
        for last in (scopes.end_of(node)[0],)
        if last > node.lineno
        for line in range(node.lineno, last + 1)
    }
