"""Shortens parameters: the bytecode of each function contains the names of its own.

A parameter that no call uses as a keyword is only known in its function, so all functions share a
few words. An inner function continues where the outer function's words end.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence, Set

from outpost.bundle import scopes

Place = tuple[int, int, str, str]  # line, column, name, word
_NEVER = frozenset(("self", "cls"))


def places(tree: ast.Module, kept: Set[str], words: Sequence[str]) -> list[Place]:
    """Return (line, column, name, word) of all functions' parameters and of their uses.

    kept: names that are used as keywords. words: words that nothing else in the tree uses.
    """
    finder = _Finder(kept | _NEVER, words)
    finder.visit_all(tree.body, {}, 0)
    return finder.found


class _Finder:
    def __init__(self, kept: Set[str], words: Sequence[str]) -> None:
        self._kept = kept
        self._words = words
        self.found: list[Place] = []

    def visit_all(self, nodes: Iterable[ast.AST], called: Mapping[str, str], count: int) -> None:
        """called: {name: its word} of the functions around; count: how many words they use."""
        for node in nodes:
            self._visit(node, called, count)

    def _visit(self, node: ast.AST, called: Mapping[str, str], count: int) -> None:
        if isinstance(node, scopes.FUNCTIONS):
            self._function(node, called, count)
        elif isinstance(node, scopes.COMPREHENSIONS):
            own = {
                name.id
                for part in node.generators
                for name in ast.walk(part.target)
                if isinstance(name, ast.Name)
            }
            inner = {name: word for name, word in called.items() if name not in own}
            self.visit_all(ast.iter_child_nodes(node), inner, count)
        elif isinstance(node, ast.Name):
            if node.id in called:
                self.found.append((node.lineno, node.col_offset, node.id, called[node.id]))
        else:
            self.visit_all(ast.iter_child_nodes(node), called, count)

    def _function(self, node: scopes.Function, called: Mapping[str, str], count: int) -> None:
        arguments = node.args
        if not isinstance(node, ast.Lambda):
            self.visit_all(node.decorator_list, called, count)
        defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        self.visit_all(defaults, called, count)
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += filter(None, (arguments.vararg, arguments.kwarg))
        own = scopes.bindings(body) | {one.arg for one in every}
        inner = {name: word for name, word in called.items() if name not in own}
        stays = self._kept | _bound_otherwise(body)
        for one in (*arguments.posonlyargs, *arguments.args):
            if one.arg not in stays and count < len(self._words):
                inner[one.arg] = self._words[count]
                self.found.append((one.lineno, one.col_offset, one.arg, self._words[count]))
                count += 1
        self.visit_all(body, inner, count)


def _bound_otherwise(body: Iterable[ast.AST]) -> set[str]:
    """Return names that a statement other than an assignment binds: these have no ast.Name."""
    found: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.ExceptHandler):
                found.update(filter(None, (node.name,)))
            elif isinstance(node, ast.Global | ast.Nonlocal):
                found.update(node.names)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, (*scopes.FUNCTIONS[:2], ast.ClassDef)):
                found.add(node.name)
    return found
