"""Finds a module's own globals in its text: what may be renamed, and where it is."""

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Use:
    """A place of a global name: line from 1, column in bytes from 0."""

    name: str
    line: int
    column: int


def bindings(body: Iterable[ast.AST], dropped: Collection[ast.AST] = ()) -> set[str]:
    """Return the names that statements bind in their own scope, with those of nested blocks.

    dropped: import statements to ignore.
    """
    return _Bindings(dropped).of(body)


def uses(tree: ast.Module, names: Collection[str], dropped: Collection[ast.AST] = ()) -> list[Use]:
    """Return every use of these globals of the module: a list of Use.

    Reads and writes, `global` statements, names of functions and classes. Not imports, whose
    statements are replaced as a whole. dropped: as for bindings(); what a function imports by one
    of them counts as a global in it.
    """
    finder = _Uses(names, dropped)
    finder.block(tree.body, None)
    return finder.found


def constants(tree: ast.Module) -> set[str]:
    """Return the names of `_X = const(...)`, which the compiler replaces by their values."""
    return {
        node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "const"
        and isinstance(node.targets[0], ast.Name)
    }


def end_of(node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
    """Return line and column after a node; only a parsed node has them."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def place_of_name(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> tuple[int, int]:
    """Return line and column of the name after `def`, `async def` or `class`."""
    if isinstance(node, ast.ClassDef):
        word = "class "
    else:
        word = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
    return node.lineno, node.col_offset + len(word)


class _Bindings(ast.NodeVisitor):
    """Collects bound names, without inner scopes."""

    def __init__(self, dropped: Collection[ast.AST]) -> None:
        self._dropped = dropped

    def of(self, body: Iterable[ast.AST]) -> set[str]:
        self.names: set[str] = set()
        self.globals: set[str] = set()
        for node in body:
            self.visit(node)
        return self.names - self.globals

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.names.add(node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.names.add(node.name)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.names.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.globals.update(node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._bind_imported(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._bind_imported(node)  # its names have no dots

    def _bind_imported(self, node: ast.Import | ast.ImportFrom) -> None:
        if node not in self._dropped:
            for alias in node.names:
                self.names.add(alias.asname or alias.name.partition(".")[0])


def _pass_over(finder: _Bindings, node: ast.AST) -> None:
    """Ignore what a comprehension binds in its own scope."""


for _kind in COMPREHENSIONS:
    setattr(_Bindings, f"visit_{_kind.__name__}", _pass_over)


class _Uses:
    """Walks through scopes; a name that no enclosing function binds is a global."""

    def __init__(self, names: Collection[str], dropped: Collection[ast.AST]) -> None:
        self.names = names
        self.dropped = dropped
        self.found: list[Use] = []

    def block(self, body: Iterable[ast.AST], local: set[str] | None) -> None:
        for node in body:
            self.visit(node, local)

    def _note(self, name: str, line: int, column: int, local: set[str] | None) -> None:
        if name in self.names and not (local and name in local):
            self.found.append(Use(name, line, column))

    def visit(self, node: ast.AST, local: set[str] | None) -> None:
        """local: names that the enclosing scopes bind; None at module level."""
        if isinstance(node, ast.Name):
            self._note(node.id, node.lineno, node.col_offset, local)
        elif isinstance(node, ast.ClassDef):
            self._note(node.name, *place_of_name(node), local)
            for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
                self.visit(part, local)
            # A class's own names are visible in its body, not in its methods; ours hide no global.
            self._class_body(node, local)
        elif isinstance(node, FUNCTIONS):
            self._function(node, local)
        elif isinstance(node, COMPREHENSIONS):
            self._comprehension(node, local)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            pass
        elif isinstance(node, ast.Global):
            self._global(node, local)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child, local)

    def _class_body(self, node: ast.ClassDef, local: set[str] | None) -> None:
        for child in node.body:
            if isinstance(child, FUNCTIONS):
                self._function(child, local, named=False)
            elif isinstance(child, ast.Assign):
                self.visit(child.value, local)
                for target in child.targets:
                    if not isinstance(target, ast.Name):
                        self.visit(target, local)
            else:
                self.visit(child, local)

    def _function(self, node: Function, local: set[str] | None, named: bool = True) -> None:
        arguments = node.args
        if not isinstance(node, ast.Lambda):
            if named:
                self._note(node.name, *place_of_name(node), local)
            for part in node.decorator_list:
                self.visit(part, local)
        for part in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
            self.visit(part, local)
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
        own = bindings(body, self.dropped) | {a.arg for a in _arguments(arguments)}
        inner = ((local or set()) | own) - _declared_global(body)
        self.block(body, inner)

    def _comprehension(self, node: Comprehension, local: set[str] | None) -> None:
        own: set[str] = set()
        for part in node.generators:
            own |= {n.id for n in ast.walk(part.target) if isinstance(n, ast.Name)}
        inner = (local or set()) | own
        for child in ast.iter_child_nodes(node):
            self.visit(child, inner)

    def _global(self, node: ast.Global, local: set[str] | None) -> None:
        # The AST of `global a, b` has no columns for its names.
        column = node.col_offset + len("global ")
        for name in node.names:
            if name in self.names:
                self.found.append(Use(name, node.lineno, column))
            column += len(name) + len(", ")


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [a for a in (arguments.vararg, arguments.kwarg) if a]


def _declared_global(body: Iterable[ast.AST]) -> set[str]:
    """Return the names of a function's `global` statements, not those of inner functions."""
    found: set[str] = set()
    rest = list(body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.Global):
            found.update(node.names)
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            rest.extend(ast.iter_child_nodes(node))
    return found
